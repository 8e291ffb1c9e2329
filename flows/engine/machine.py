"""The base of every flow's machine: kinds of state, and the class attributes and hooks of a flow.

A machine says *what may happen*; the engine makes it happen. Guards and actions are named methods that see
one `payload` and the transition context as `self.transition`, and do no input or output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from statemachine import State, StateMachine

from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.flat_engine import FlatEngine
from stateful_oauth.flows.engine.inputs import FlowInputs
from stateful_oauth.flows.engine.outcomes import InProgress, Outcome
from stateful_oauth.flows.engine.transaction import StateKind, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from stateful_oauth.flows.engine.context import FlowContext
    from stateful_oauth.flows.engine.declaration import FlowDeclaration
    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.engine.transition import TransitionContext

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


class ModelAdapter:
    """What python-statemachine takes for the machine's model, which it never lets go of.

    A machine is expensive to build and remembers nothing but its model, so it serves one transition context
    after another.
    """

    __slots__ = ("transition",)

    def __init__(self) -> None:
        self.transition: TransitionContext | None = None

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
        declaration: What the rest of the project knows of the flow. It sets `kind` and `needs_user`. A flow
            without pages of its own may leave it out, and set those two itself.
        kind: The flow's name: one word, or with a dot, `app_label.name`, for a project's own flow.
        version: Raised whenever states, edges or effects change; see `definition.py`.
        inputs: What it is started with, and how that is checked.
        services: The type of what hooks and effects find as `context.services`; None for a flow that needs
            nothing.
        browser_events: What a browser may send.
        judged_events: What `route` may turn a browser's event into.
        operator_events: What an operator may send from the admin.
        needs_user: Whether only a browser with a user can start it: the row is about that user.
        kept_inputs: Which inputs a finished row keeps. What only another service was told is of no use any
            more: what is not there takes no space and cannot leak.
        held_code: The error code of what was held for too long, see `held_until`.
        upcasts: For each older version, the function that moves its rows to the next version.
        opens: The kinds of the flows that go on with a transaction of this one.
        emits: The domain events of its transitions.
        relies_on: The domain events of earlier transactions, mostly of other flows, that it decides by.
    """

    # Explicit, because the errors of the other settings are silent: an exception in an action would advance
    # the state, and an unknown event would do nothing.
    allow_event_without_transition = False
    catch_errors_as_events = False
    atomic_configuration_update = True
    enable_self_transition_entries = False

    declaration: ClassVar[FlowDeclaration | None] = None
    kind: ClassVar[str]
    version: ClassVar[int]
    inputs: ClassVar[type[FlowInputs]] = FlowInputs
    services: ClassVar[type[Any] | None] = None
    browser_events: ClassVar[tuple[str, ...]]
    judged_events: ClassVar[tuple[str, ...]] = ()
    operator_events: ClassVar[tuple[str, ...]] = ("cancel", "abandon")
    needs_user: ClassVar[bool] = False
    kept_inputs: ClassVar[tuple[str, ...]] = ("next",)
    held_code: ClassVar[str] = "transaction_expired"
    upcasts: ClassVar[Mapping[int, Callable[[Transaction], Transaction]]] = {}
    opens: ClassVar[tuple[str, ...]] = ()
    emits: ClassVar[tuple[type[DomainEvent], ...]] = ()
    relies_on: ClassVar[tuple[type[DomainEvent], ...]] = ()

    model: ModelAdapter
    _engine: FlatEngine

    def __init_subclass__(cls, **options: Any) -> None:
        """Take over what the declaration says."""
        super().__init_subclass__(**options)
        declared = vars(cls).get("declaration")
        if declared is not None:
            cls.kind, cls.needs_user = declared.kind, declared.needs_user

    @property
    def transition(self) -> TransitionContext:
        """What guards and actions work on."""
        if self.model.transition is None:
            raise RuntimeError("A machine takes events only through FlowDefinition.take.")
        return self.model.transition

    def take(self, event: str, payload: Any) -> None:
        """Take one event.

        Raises:
            TransitionNotAllowed: There is no transition for it, or no guard that lets it pass.
        """
        self._engine.take(event, payload)

    def _get_engine(self) -> FlatEngine:
        if self._callbacks.has_async_callbacks:
            raise TypeError(f"{type(self).__name__}: guards and actions must not be async.")
        return FlatEngine(self)

    def send(self, event: str, *args: Any, **more: Any) -> NoReturn:  # noqa: ARG002 - the library's
        """Refuse an event that an action sends: the engine would log none of what comes of it.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError(f"{event!r} cannot be sent: a machine takes events only through the engine.")

    @classmethod
    def new_secrets(cls) -> dict[str, Secret]:
        """Return the first secrets of a transaction. The engine adds `state`."""
        return {}

    @classmethod
    def route(cls, event: Event, context: FlowContext[Any]) -> Event:  # noqa: ARG003 - for overriding flows
        """Return the event that a browser's event means for this transaction.

        By default, a callback with an error (RFC 6749 §4.1.2.1) never goes on as a success. If the user
        declined, it is `cancel`. Otherwise, it is `fail`. Both have to be in `judged_events`: without them it
        is `expire`, which every waiting state takes. The event's code is the payload's `error_code`.
        """
        code = getattr(event.payload, "error_code", "")
        if not code:
            return event
        wanted = ("cancel", "fail") if code == "access_denied" else ("fail",)
        name = next((each for each in wanted if each in cls.judged_events), "expire")
        return Event(name, event.payload, code, getattr(event.payload, "error_description", ""))

    @classmethod
    def let_go(cls, transition: TransitionContext) -> Sequence[DomainEvent]:  # noqa: ARG003 - for overriding flows
        """Return a domain event for each secret that is worth something elsewhere and is not kept any more.

        Called once before a transition is written, and once for a result that came too late. What there was
        is in `transition.before.secrets` and `transition.received`. What is kept is in the secrets of the
        transaction, in the domain events, and in the child transaction.
        """
        return ()

    @classmethod
    def outcome(cls, context: FlowContext[Any]) -> Outcome:
        """Return what the transaction's state means."""
        transaction = context.transaction
        if transaction.state_kind is StateKind.FINAL:
            return cls.final_outcome(transaction)
        if transaction.state_kind is StateKind.WORKING:
            return cls.describe(InProgress, transaction)
        return cls.waiting_outcome(context)

    @classmethod
    def inputs_kept_in(cls, state: str) -> tuple[str, ...]:
        """Return which inputs a row keeps in a final state; without a success, also those of `restart`."""
        final: Any = cls.states_map[state]
        restart = None if cls.declaration is None else cls.declaration.restart
        if restart is None or not final.outcome.KEEPS_RESTART:
            return cls.kept_inputs
        return (*cls.kept_inputs, *restart.inputs)

    @classmethod
    def final_outcome(cls, transaction: Transaction) -> Outcome:
        """Return what the state of a transaction that is over means."""
        state: Any = cls.states_map[transaction.state]
        return cls.describe(state.outcome, transaction)

    @classmethod
    def held_until(cls, transaction: Transaction) -> datetime | None:  # noqa: ARG003 - for overriding flows
        """Return when what the transaction holds is too old to go on with, or None.

        No waiting state waits longer, and recovery then ends the effect with `held_code`. An effect that must
        complete is finished all the same.
        """
        return None

    @classmethod
    def waiting_outcome(cls, context: FlowContext[Any]) -> Outcome:
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
