"""What one operation of the engine works with, and what it has committed so far."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine.admission import no_slot
from stateful_oauth.flows.engine.effects import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stateful_oauth.flows.engine.admission import Slot
    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.effects import Effect
    from stateful_oauth.flows.engine.errors import FlowError
    from stateful_oauth.flows.engine.outcomes import Outcome
    from stateful_oauth.flows.engine.ports import Caller
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.engine.transaction import Transaction
    from stateful_oauth.flows.engine.transition import TransitionContext


@dataclass(frozen=True, slots=True)
class Run:
    """Which flow a transaction belongs to, on whose behalf it is moved, and with which services.

    Attributes:
        received: What the effect under way has noted with `EffectContext.receive`, until that is settled.
        slot: The room that the operation's effects take.
        since: When the operation began, of the monotonic clock.
    """

    flow: FlowDefinition
    caller: Caller
    services: Any
    received: dict[str, Secret] = field(default_factory=dict)
    slot: Slot = field(default_factory=no_slot)
    since: float = field(default_factory=time.monotonic)

    def let_go(self, transition: TransitionContext) -> Sequence[DomainEvent]:
        """Return what has to be handled because this transition, or no transition any more, keeps it."""
        transition.received = self.received
        return self.flow.machine.let_go(transition)

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


class LocalRefusal(Exception):
    """A local effect said no, inside the settle transaction."""

    def __init__(self, effect: Effect, error: FlowError) -> None:
        super().__init__(effect.name, error.code)
        self.effect, self.error = effect, error
