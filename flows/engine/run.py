"""What one operation of the engine works with, and what it has committed so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine.effects import Event

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.flows.engine.errors import FlowError
    from stateful_oauth.flows.engine.outcomes import Outcome
    from stateful_oauth.flows.engine.ports import Caller
    from stateful_oauth.flows.engine.transaction import Transaction
    from stateful_oauth.flows.engine.transition import TransitionContext


@dataclass(frozen=True, slots=True)
class Run:
    """Which flow a transaction belongs to, on whose behalf it is moved, and with which services."""

    flow: FlowDefinition
    caller: Caller
    services: Any

    def failure(self, transaction: Transaction, error: FlowError) -> Event:
        """Return the event that an error means here: its own, or `fail` where there is no such edge."""
        name = error.event if self.flow.allows(transaction.state, error.event) else "fail"
        return Event(name, error, error.code, error.detail)


@dataclass(frozen=True, slots=True)
class Settled:
    """What was committed, and what the work goes on with: the transaction, or the child that it opened.

    Attributes:
        outcome: What the transaction means, where its caller was told already.
    """

    run: Run
    transition: TransitionContext
    outcome: Outcome | None = None
