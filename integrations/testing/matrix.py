"""The matrix of a flow's states and events, held by the engine and the store: `assert_matrix`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import OperatorCaller, SystemCaller
from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.creation import new_transaction
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import EventNotAllowed
from stateful_oauth.flows.engine.outcomes import Outcome, Rejected
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.engine.transaction import BROWSER, Actor, StateKind, TransitionLog
from stateful_oauth.flows.engine.transition import TransitionContext
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from stateful_oauth.storage.store import DjangoTransactionStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.flows.engine.transaction import Transaction

_SECRETS = ("nonce", "code_verifier")
_LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Cell:
    """What becomes of an event in a state: where it leads, or an empty string where it is refused."""

    state: str
    event: str
    targets: tuple[str, ...]


class _SomeBrowser(SystemCaller):
    actor: Actor = BROWSER

    def __init__(self, name: str) -> None:
        self.browser = identifiers.digest(name)  # type: ignore[assignment]  # a sweep has none
        self.browsers = (identifiers.digest(name),)


def assert_matrix(kind: str) -> list[Cell]:
    """Send every event to every state of a flow, from a browser and from an operator; return the matrix.

    Holds that the machine takes what it has an edge for and nothing else; that the engine refuses, and writes
    down, what a browser or an operator may not send, and changes nothing by it; that another browser and
    another flow's URL are refused in every state; that waiting states expire at their deadline; and that
    an operator's `cancel` and `abandon` lead where the machine says, with actor and reason in the log.

    Raises:
        AssertionError: Says which event did what in which state.
    """
    flow = wiring.flows()[kind]
    cells = []
    for state in flow.state_kinds:
        for event in flow.events:
            targets = _targets(flow, state, event)
            cells.append(Cell(state, event, tuple(sorted(targets))))
            if not targets:
                _machine_refuses(flow, state, event)
            _engine_refuses(flow, state, event)
        _other_browsers_are_refused(flow, state)
        _expires(flow, state)
    return cells


def _machine_refuses(flow: FlowDefinition, state: str, event: str) -> None:
    row = _in_state(flow, state)
    transition = TransitionContext(row, now=wiring.clock.now(), actor=BROWSER, deadlines={})
    try:
        flow.take(transition, Event(event))
    except EventNotAllowed:
        return
    raise AssertionError(f"{flow.kind} took {event!r} in {state!r}, for which it has no edge.")


def _engine_refuses(flow: FlowDefinition, state: str, event: str) -> None:
    machine = flow.machine
    if event not in machine.browser_events:
        _refused(flow, state, Event(event), _SomeBrowser("its own"), "event_not_allowed")
    operator = OperatorCaller("1", "the matrix")
    if event not in machine.operator_events or not flow.allows(state, event):
        _refused(flow, state, Event(event), operator, "event_not_allowed")
    elif all(flow.state_kinds[target] is StateKind.FINAL for target in _targets(flow, state, event)):
        # An event that leads to an effect needs a transaction with a history.
        row = _put(_in_state(flow, state))
        wiring.engine().dispatch(row.id, Event(event), operator, kind=flow.kind, tenant=row.tenant)
        _moved(flow, row, event, str(operator.actor))


def _moved(flow: FlowDefinition, row: Transaction, event: str, actor: str) -> None:
    after = FlowTransaction.objects.get(pk=row.id)
    targets = _targets(flow, row.state, event)
    first = TransitionRecord.objects.filter(transaction_id=row.id, event=event, rejected=False).first()
    if first is None or first.target not in targets or first.actor != actor:
        raise AssertionError(
            f"{event!r} in {row.state!r} led to {after.state!r}, and not to one of {targets}."
        )


def _other_browsers_are_refused(flow: FlowDefinition, state: str) -> None:
    for event in flow.machine.browser_events:
        _refused(
            flow, state, Event(event), _SomeBrowser("another"), "other_browser", answer="transaction_unknown"
        )
        _refused(flow, state, Event(event), _SomeBrowser("its own"), "wrong_flow", kind="of.another")


def _refused(
    flow: FlowDefinition,
    state: str,
    event: Event,
    caller: Any,
    code: str,
    *,
    kind: str | None = None,
    answer: str = "",
) -> None:
    row = _put(_in_state(flow, state))
    before = _columns(row)
    outcome: Outcome = wiring.engine().dispatch(
        row.id, event, caller, kind=kind or flow.kind, tenant=row.tenant
    )
    who = f"{event.name!r} of {caller.actor} in {state!r} of {flow.kind}"
    if not isinstance(outcome, Rejected) or outcome.code != (answer or code):
        raise AssertionError(f"{who} was answered with {outcome}, and not refused with {code}.")
    if _columns(row) != before:
        raise AssertionError(f"{who} was refused, and changed the row.")
    noted = TransitionRecord.objects.filter(transaction_id=row.id, event=event.name, code=code, rejected=True)
    if not noted.exists():
        raise AssertionError(f"{who} was refused, and the log does not say so.")


def _expires(flow: FlowDefinition, state: str) -> None:
    if flow.state_kinds[state] is not StateKind.WAITING or state == flow.initial:
        return
    now = wiring.clock.now()
    row = _put(_in_state(flow, state).evolve(deadline=now))
    wiring.engine().recover(row.id, SystemCaller())
    after = FlowTransaction.objects.get(pk=row.id)
    targets = _targets(flow, state, "expire")
    if after.state not in targets:
        raise AssertionError(
            f"{flow.kind} did not expire in {state!r} at its deadline: it is {after.state!r}."
        )


def _targets(flow: FlowDefinition, state: str, event: str) -> set[str]:
    return {edge.target for edge in flow.edges if (edge.source, edge.event) == (state, event)}


def _columns(row: Transaction) -> Mapping[str, Any]:
    return FlowTransaction.objects.filter(pk=row.id).values().get()


def _in_state(flow: FlowDefinition, state: str) -> Transaction:
    """Return a transaction in a state, as far as that can be made without its history."""
    now, kind = wiring.clock.now(), flow.state_kinds[state]
    row = new_transaction(
        flow,
        tenant="default",
        browser=identifiers.digest("its own"),
        now=now,
        inputs={},
        secrets={name: Secret(f"{name} of the matrix") for name in _SECRETS},
    )
    changes: dict[str, Any] = {"state": state, "state_kind": kind, "version": 1}
    if kind is StateKind.WAITING:
        changes["deadline"] = now + _LEASE
    elif kind is StateKind.WORKING:
        changes |= {"lease_until": now + _LEASE, "attempts": 1}
    else:
        changes["secrets"] = {}
    return row.evolve(**changes)


def _put(row: Transaction) -> Transaction:
    store = DjangoTransactionStore()
    line = TransitionLog(
        sequence=100, event="(matrix)", source=row.state, target=row.state, at=row.created_at, actor=BROWSER
    )
    with store.transaction():
        store.create(row, [line])
    return row
