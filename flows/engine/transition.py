"""The transition context: a transaction on its way along edges, within one database transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.secret import Secret

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.effects import Effect, Event
    from stateful_oauth.flows.engine.inputs import FlowInputs
    from stateful_oauth.flows.engine.transaction import Actor, Json, Transaction, TransitionLog


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildTransaction:
    """A transaction that an action opens; it is created in the same database transaction.

    Attributes:
        id: Chosen by the action that opens it, so that its own result can name it.
        kind: The flow.
        event: What it takes first.
        inputs: Checked by the flow that opens it.
        secrets: Its first secrets; the engine adds `state`.
        user_id: The Django user that it is about, if that is known.
    """

    id: uuid.UUID
    kind: str
    event: Event
    inputs: FlowInputs
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    user_id: str | None = None


class TransitionContext:
    """What events work on: the transaction as it is, and what the actions want to become of it.

    Attributes:
        state: The machine's, while it takes an event.
        transaction: After the last event, with what the actions changed.
        before: The row as it was read.
        now: The time that counts for all of it.
        actor: Who caused it.
        deadlines: Seconds by `kind.state`, over the machine's own.
        effect: What the last event intends, or None.
        log: A line for each event taken.
        domain_events: What the actions emitted so far.
        child: The transaction that an action opened, or None.
        longest_wait: Seconds at most for the waiting state that is entered, or None.
        received: What the effect that led here was handed, see `EffectContext.receive`.
    """

    __slots__ = (
        *("actor", "before", "child", "deadlines", "domain_events", "effect", "log", "longest_wait", "now"),
        *("received", "state", "transaction"),
    )

    def __init__(
        self, transaction: Transaction, *, now: datetime, actor: Actor, deadlines: Mapping[str, float]
    ) -> None:
        self.state: str = transaction.state
        self.transaction = self.before = transaction
        self.now, self.actor, self.deadlines = now, actor, deadlines
        self.effect: Effect | None = None
        self.log: list[TransitionLog] = []
        self.domain_events: list[DomainEvent] = []
        self.child: ChildTransaction | None = None
        self.longest_wait: float | None = None
        self.received: Mapping[str, Secret] = {}

    # For actions.

    def wait_at_most(self, seconds: float) -> None:
        """Let the waiting state that is entered wait no longer than the other service does."""
        self.longest_wait = seconds

    def renew_state(self, **secrets: Secret) -> None:
        """Take a fresh `state` and what goes with it: the browser is sent away once more."""
        self.transaction = with_new_state(self.transaction, **secrets)

    def keep_inputs(self, inputs: FlowInputs) -> None:
        """Keep what the flow knows until it is over: nothing secret."""
        self.transaction = self.transaction.evolve(inputs=inputs.to_json())

    def keep_secrets(self, **secrets: Secret) -> None:
        """Add secrets to the row; they are encrypted at rest and wiped in a final state."""
        self.transaction = self.transaction.evolve(secrets={**self.transaction.secrets, **secrets})

    def drop_secrets(self, *names: str) -> None:
        """Take secrets out of the row that are of no use any more."""
        kept = {name: value for name, value in self.transaction.secrets.items() if name not in names}
        self.transaction = self.transaction.evolve(secrets=kept)

    def keep_result(self, **result: Json) -> None:
        """Add to what came of the transaction: JSON, nothing secret."""
        self.transaction = self.transaction.evolve(result={**self.transaction.result, **result})

    def belongs_to(self, user_id: str) -> None:
        """Note the Django user that the outcome is about."""
        self.transaction = self.transaction.evolve(user_id=user_id)

    def emit(self, event: DomainEvent) -> None:
        """Have the store handle a domain event in the same database transaction."""
        self.domain_events.append(event)

    def open(self, child: ChildTransaction) -> None:
        """Have another transaction begin with this one's; the engine goes on with it."""
        self.child = child

    # For the engine.

    def forget_intent(self) -> None:
        """Begin another event: what the last one intended is done."""
        self.effect = self.longest_wait = None

    def postpone(self, until: datetime, *, attempts: int) -> None:
        """Let the lease of the working state that was just entered end at `until`: nothing was started."""
        if until == self.transaction.lease_until:
            until += timedelta(microseconds=1)  # a lease of exactly this length is a worker's
        self.transaction = self.transaction.evolve(lease_until=until, attempts=attempts)

    def leave_to_an_operator(self) -> None:
        """Let no sweep find the working state that was just entered: nothing was started."""
        self.transaction = self.transaction.evolve(
            lease_until=self.now, attempts=self.transaction.attempts - 1, stuck_since=self.now
        )

    def start_over(self) -> None:
        """Count the attempts of the working state that was just entered from one again."""
        self.transaction = self.transaction.evolve(attempts=1)


def with_new_state(transaction: Transaction, **secrets: Secret) -> Transaction:
    """Give a transaction a fresh `state` parameter, and other secrets that go with it.

    Called before each redirect, so that earlier responses no longer match.
    """
    state = Secret(identifiers.new_state(transaction.id))
    changes: dict[str, Any] = {
        "state_digest": identifiers.digest(state.reveal()),
        "secrets": {**transaction.secrets, "state": state, **secrets},
    }
    return transaction.evolve(**changes)
