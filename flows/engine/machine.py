"""The base of every flow's machine: kinds of state, actions on a step, and the class attributes of a flow.

A machine says *what may happen*; the engine makes it happen. Guards and actions are named methods that see
one `payload` and the `Step` as `self.transition`, and do no input or output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from statemachine import State, StateMachine

from stateful_oauth.flows.engine.outcomes import InProgress, Outcome
from stateful_oauth.flows.engine.transaction import Json, StateKind, Transaction
from stateful_oauth.flows.engine.transition import with_new_state

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.effects import Effect, Event
    from stateful_oauth.flows.engine.ports import Caller
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.engine.transition import ChildTransaction
    from stateful_oauth.flows.oauth.ports import Provider

DEFAULT_DEADLINE: Final = 600.0  # seconds; docs/security-checklist.md S6


class WaitingState(State):
    """Waits for the browser or the user until a deadline, after which `expire` is due."""

    kind = StateKind.WAITING

    def __init__(self, *, initial: bool = False, deadline: float = DEFAULT_DEADLINE) -> None:
        """Take the deadline in seconds after the state was entered; settings may override it."""
        super().__init__(initial=initial)
        self.deadline = deadline


class WorkingState(State):
    """An effect may be in flight. Holds a lease, after which recovery is due."""

    kind = StateKind.WORKING

    def __init__(self) -> None:
        super().__init__()


class FinalState(State):
    """Over: never changes again, and keeps no secrets."""

    kind = StateKind.FINAL

    def __init__(self, outcome: type[Outcome]) -> None:
        """Take the type of outcome that the state stands for."""
        super().__init__(final=True)
        self.outcome = outcome


class Step:
    """What one event works on: the transaction as it was, and what the actions want to become of it."""

    __slots__ = ("child", "effect", "domain_events", "now", "patience", "state", "transaction")

    def __init__(self, transaction: Transaction, now: datetime) -> None:
        self.state: str = transaction.state
        self.transaction = transaction
        self.now = now
        self.effect: Effect | None = None
        self.domain_events: list[DomainEvent] = []
        self.child: ChildTransaction | None = None
        self.patience: float | None = None

    def wait_at_most(self, seconds: float) -> None:
        """Let the waiting state that is entered wait no longer than the provider does."""
        self.patience = seconds

    def renew_state(self, **secrets: Secret) -> None:
        """Take a fresh `state` and what goes with it: the browser is sent to the provider once more."""
        self.transaction = with_new_state(self.transaction, **secrets)

    def keep_inputs(self, **inputs: Json) -> None:
        """Add to what the flow knows until it is over: JSON, nothing secret."""
        self.transaction = self.transaction.evolve(inputs={**self.transaction.inputs, **inputs})

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

    def record(self, fact: DomainEvent) -> None:
        """Have the store write `fact` in the same database transaction."""
        self.domain_events.append(fact)

    def open(self, child: ChildTransaction) -> None:
        """Have another transaction begin with this step; the engine goes on with it."""
        self.child = child


class Seat:
    """The machine's model: it holds the step of the event that is being taken.

    A machine is expensive to build and remembers nothing but its model, so it serves one step after another.
    """

    __slots__ = ("step",)

    def __init__(self, step: Step | None) -> None:
        self.transition = step

    @property
    def state(self) -> str | None:
        """What python-statemachine reads and writes."""
        return None if self.transition is None else self.transition.state

    @state.setter
    def state(self, value: str) -> None:
        if self.transition is not None:
            self.transition.state = value


class FlowMachine(StateMachine):
    """Base of the machines: a flow is one subclass with its states, edges and effects.

    Attributes:
        kind: The flow's name: `login`, or with a dot, `app_label.name`, for a project's own flow.
        version: Raised whenever states, edges or effects change; see `definition.py`.
        browser_events: What a browser may send.
        judged_events: What `route` may turn a browser's event into.
        operator_events: What an operator may send from the admin.
        needs_user: Whether only somebody who is signed in can start it: the row is about that user.
        kept_inputs: Which inputs a finished row keeps. What only the provider was told, a login hint say, is
            of no use any more: what is not there takes no space and cannot leak.
        upcasts: For each older version, the function that moves its rows to the next version.
        opens: The kinds of the flows that go on with a transaction of this one.
        records: The domain_events that its steps have the store write.
        relies_on: The domain_events of earlier transactions, mostly of other flows, that it decides by.
    """

    # Explicit, because the errors of the other settings are silent: an exception in an action would advance
    # the state, and an unknown event would do nothing.
    allow_event_without_transition = False
    catch_errors_as_events = False
    atomic_configuration_update = True
    enable_self_transition_entries = False

    kind: ClassVar[str]
    version: ClassVar[int]
    browser_events: ClassVar[tuple[str, ...]]
    judged_events: ClassVar[tuple[str, ...]] = ()
    operator_events: ClassVar[tuple[str, ...]] = ("cancel", "abandon")
    needs_user: ClassVar[bool] = False
    kept_inputs: ClassVar[tuple[str, ...]] = ("next",)
    upcasts: ClassVar[Mapping[int, Callable[[Transaction], Transaction]]] = {}
    opens: ClassVar[tuple[str, ...]] = ()
    emits: ClassVar[tuple[type[DomainEvent], ...]] = ()
    relies_on: ClassVar[tuple[type[DomainEvent], ...]] = ()

    model: Seat

    @property
    def step(self) -> Step:
        """What guards and actions work on."""
        if self.model.step is None:
            raise RuntimeError("A machine takes events only through a Walk.")
        return self.model.step

    @classmethod
    def check_inputs(
        cls, inputs: Mapping[str, Any], provider: Provider
    ) -> tuple[dict[str, Json], dict[str, Secret]]:
        """Check what a flow is started with.

        Returns:
            The inputs to keep in the row as JSON, and its first secrets. The engine adds `state`.

        Raises:
            InvalidInput: With a code.
        """
        raise NotImplementedError

    @classmethod
    def route(cls, event: Event, transaction: Transaction, provider: Provider, caller: Caller) -> Event:
        """Return the event that a browser's event means for this transaction.

        A callback that carries `error=access_denied`, say, is the event `cancel`.
        """
        del transaction, provider, caller  # for overriding flows
        return event

    @classmethod
    def outcome(cls, transaction: Transaction, provider: Provider) -> Outcome:
        """Return what the transaction's state means to whoever asks."""
        state: Any = cls.states_map[transaction.state]
        if transaction.state_kind is StateKind.FINAL:
            return cls.describe(state.outcome, transaction)
        if transaction.state_kind is StateKind.WORKING:
            return cls.describe(InProgress, transaction)
        return cls.waiting_outcome(transaction, provider)

    @classmethod
    def held_until(cls, transaction: Transaction) -> datetime | None:
        """Return when what the transaction holds is too old to go on with, or None.

        No waiting state waits longer, and recovery then ends the effect as failed. An effect that insists is
        finished all the same.
        """
        del transaction  # for overriding flows
        return None

    @classmethod
    def waiting_outcome(cls, transaction: Transaction, provider: Provider) -> Outcome:
        """Return where the browser has to go in a waiting state."""
        raise NotImplementedError

    @classmethod
    def describe(cls, outcome: type[Outcome], transaction: Transaction, **fields: Any) -> Outcome:
        """Build an outcome with the common part filled in."""
        return outcome(
            transaction_id=transaction.id,
            kind=transaction.kind,
            tenant=transaction.tenant,
            code=transaction.code,
            next_url=transaction.next_url,
            settled_at=transaction.changed_at if transaction.is_final else None,
            **fields,
        )
