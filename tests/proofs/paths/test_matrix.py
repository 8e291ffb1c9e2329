"""The matrix of states and events of every flow: what `tables` does not allow is refused."""

from __future__ import annotations

import contextlib
import random
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import EventNotAllowed
from stateful_oauth.flows.engine.outcomes import Rejected
from stateful_oauth.flows.engine.transaction import BROWSER, StateKind, Transaction, TransitionLog
from stateful_oauth.flows.engine.transition import TransitionContext
from stateful_oauth.storage.store import DjangoTransactionStore
from tests.support import rows
from tests.support.callers import Operator, Person
from tests.support.tables import (
    ALLOWED,
    BY_BROWSER,
    BY_OPERATOR,
    CHOSEN,
    FOREIGN_EVENTS,
    KEPT,
    NOW,
    PAYLOADS,
    WAITING,
    WORKING,
    Choice,
    standing,
)

KINDS = tuple(ALLOWED)
STATES = [(kind, state) for kind, states in ALLOWED.items() for state in states]


def events_of(kind: str) -> set[str]:
    return {event for row in ALLOWED[kind].values() for event in row}


def cells() -> Iterator[tuple[str, str, str]]:
    for kind, state in STATES:
        for event in sorted({*events_of(kind), *FOREIGN_EVENTS}):
            yield kind, state, event


def on_its_way(transaction: Transaction) -> TransitionContext:
    return TransitionContext(transaction, now=NOW, actor=BROWSER, deadlines={})


def test_every_registered_flow_has_its_table():
    missing = {flow.kind for flow in wiring.flows()} - set(ALLOWED)
    assert not missing, (
        f"Write the table of {missing} by hand, into ALLOWED: it is what the machine is held against."
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_machine_has_the_states_and_events_of_its_table_and_no_others(kind):
    flow = wiring.flows()[kind]
    assert set(flow.state_kinds) == set(ALLOWED[kind])
    assert set(flow.events) == events_of(kind)
    final = set(ALLOWED[kind]) - WORKING[kind] - WAITING[kind]
    expected = {"working": WORKING[kind], "waiting": WAITING[kind], "final": final}
    for kind_of_state, states in expected.items():
        assert {state for state, found in flow.state_kinds.items() if found == kind_of_state} == states


@pytest.mark.parametrize("kind", KINDS)
def test_a_machine_takes_from_outside_what_its_table_says(kind):
    machine = wiring.flows()[kind].machine
    assert set(machine.browser_events) == BY_BROWSER[kind]
    assert set(machine.operator_events) == BY_OPERATOR[kind]


@pytest.mark.security("S20")
@pytest.mark.parametrize(("kind", "state", "event"), list(cells()), ids=lambda value: value or "(empty)")
def test_a_cell_of_the_matrix(kind, state, event):
    flow = wiring.flows()[kind]
    before = standing(flow, state)
    transition = on_its_way(before)
    target = ALLOWED[kind][state].get(event)
    if target is not None:
        check_step(flow, before, event, PAYLOADS.get(event), target)
        return
    with pytest.raises(EventNotAllowed):
        flow.take(transition, Event(event, PAYLOADS.get(event)))
    assert transition.transaction == before, f"{event!r} was refused in {state}, and still changed something."
    assert (transition.log, transition.domain_events, transition.effect, transition.child) == (
        [],
        [],
        None,
        None,
    )


@pytest.mark.parametrize("choice", CHOSEN, ids=str)
def test_where_a_guard_chooses_another_target(choice: Choice):
    flow = wiring.flows()[choice.kind]
    before = standing(flow, choice.state, **choice.inputs)
    check_step(flow, before, choice.event, choice.payload, choice.target)


def test_every_edge_of_every_machine_stands_in_a_table():
    """Also those that a guard chooses: none is there that nobody wrote down."""
    written = {
        (kind, state, event, target)
        for kind, states in ALLOWED.items()
        for state, row in states.items()
        for event, target in row.items()
    } | {(each.kind, each.state, each.event, each.target) for each in CHOSEN}
    assert {
        (flow.kind, e.source, e.event, e.target) for flow in wiring.flows() for e in flow.edges
    } == written


def check_step(flow: FlowDefinition, before: Transaction, event: str, payload: Any, target: str) -> None:
    transition = on_its_way(before)
    flow.take(transition, Event(event, payload, "some_code"))
    after = transition.transaction
    assert after.state == target
    assert (after.version, after.code) == (before.version + 1, "some_code")
    assert [(line.source, line.event, line.target) for line in transition.log] == [
        (before.state, event, target)
    ]
    kind = flow.state_kinds[target]
    assert after.state_kind is kind
    assert (after.deadline is not None) == (kind is StateKind.WAITING)
    assert (after.lease_until is not None) == (kind is StateKind.WORKING)
    assert (transition.effect is not None) == (kind is StateKind.WORKING)
    assert bool(after.secrets) == (kind is not StateKind.FINAL)
    assert after.attempts == (0 if kind is not StateKind.WORKING else 2 if event == "retry" else 1)
    kept = KEPT.get(flow.kind, {"next"}) if kind is StateKind.FINAL else set(after.inputs)
    if kind is StateKind.FINAL and flow.machine.states_map[target].outcome.KEEPS_RESTART:
        kept |= set(flow.machine.inputs_kept_in(target))  # it may be started again
    assert set(after.inputs) <= kept, "A finished row keeps what only the provider was told."


@pytest.mark.security("S20")
@pytest.mark.parametrize("flow", list(wiring.flows()), ids=lambda flow: flow.kind)
def test_final_states_of_every_flow_take_nothing(flow):
    leaving = [edge for edge in flow.edges if flow.state_kinds[edge.source] is StateKind.FINAL]
    assert not leaving


@pytest.mark.parametrize("flow", list(wiring.flows()), ids=lambda flow: flow.kind)
def test_every_flow_can_end_from_everywhere(flow):
    """A waiting state expires, a working one can fail: otherwise a row could be stuck for ever."""
    for state, kind in flow.state_kinds.items():
        if kind is StateKind.WAITING and state != flow.initial:
            assert flow.allows(state, "expire"), f"{flow.kind}: {state} has a deadline and takes no expire."
        if kind is StateKind.WORKING:
            assert flow.allows(state, "fail"), f"{flow.kind}: {state} does something and takes no fail."


@pytest.mark.parametrize("kind", KINDS)
def test_machines_that_are_used_again_and_by_many_threads_mix_nothing_up(kind):
    """A definition keeps its machines for the next event; each event still sees its own transaction only."""
    flow = wiring.flows()[kind]

    def walk_all(number: int) -> list[str]:
        wrong = []
        allowed = [(state, event) for state, row in ALLOWED[kind].items() for event in row]
        random.Random(number).shuffle(allowed)
        for state, event in allowed * 3:
            before = standing(flow, state, next=f"/{number}")
            transition = on_its_way(before)
            with contextlib.suppress(EventNotAllowed):
                flow.take(transition, Event("sign_in"))
            flow.take(transition, Event(event, PAYLOADS.get(event)))
            after = transition.transaction
            expected = (before.id, before.next_url, ALLOWED[kind][state][event])
            if (after.id, after.next_url, after.state) != expected:
                wrong.append(f"{state} --{event}--> {after.state}")
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(walk_all, range(8))) == [[]] * 8


def put(transaction: Transaction) -> Transaction:
    """Write a row in the middle of its life, with the log that brought it there."""
    store = DjangoTransactionStore()
    line = TransitionLog(
        sequence=100, event="(test)", source="created", target=transaction.state, at=NOW, actor=BROWSER
    )
    with store.transaction():
        store.create(transaction, [line])
    return transaction


def everything(transaction_id: uuid.UUID) -> Mapping[str, Any]:
    row = rows.the_row(transaction_id)
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.mark.security("S20")
@pytest.mark.database_in_ci
@pytest.mark.parametrize(("kind", "state"), STATES)
def test_a_browser_can_send_what_the_table_says_and_nothing_else(tenant, db, kind, state):
    """No browser sends itself a result, an expiry or an operator's event."""
    for event in sorted({*events_of(kind), *FOREIGN_EVENTS} - BY_BROWSER[kind]):
        row = put(standing(wiring.flows()[kind], state))
        before = everything(row.id)
        outcome = wiring.engine().dispatch(row.id, Event(event), Person(), kind=kind)
        assert isinstance(outcome, Rejected), f"{event!r} in {state} was answered with {outcome}"
        assert outcome.code == "event_not_allowed"
        assert everything(row.id) == before, f"{event!r} moved a row in {state}."
        assert rows.rejections(row.id) == [(event, "event_not_allowed")]


@pytest.mark.database_in_ci
@pytest.mark.parametrize(("kind", "state"), [each for each in STATES if BY_BROWSER[each[0]]])
def test_what_a_browser_may_send_moves_a_row_only_where_it_is_awaited(tenant, db, kind, state):
    for event in sorted(BY_BROWSER[kind] - set(ALLOWED[kind][state])):
        row = put(standing(wiring.flows()[kind], state))
        before = everything(row.id)
        outcome = wiring.engine().dispatch(row.id, Event(event, PAYLOADS.get(event)), Person(), kind=kind)
        assert everything(row.id) == before, f"{event!r} moved a row in {state}."
        assert tenant.requests["/oauth/token"] == 0
        refused = state in WAITING[kind]
        assert isinstance(outcome, Rejected) if refused else outcome.replayed or outcome.code, outcome


@pytest.mark.database_in_ci
@pytest.mark.parametrize(("kind", "state"), STATES)
def test_an_operator_can_cancel_and_abandon_where_the_table_says_so(tenant, db, kind, state):
    for event in sorted({*events_of(kind), *FOREIGN_EVENTS}):
        row = put(standing(wiring.flows()[kind], state))
        before = everything(row.id)
        outcome = wiring.engine().dispatch(row.id, Event(event, code="abandoned"), Operator(), kind=kind)
        target = ALLOWED[kind][state].get(event) if event in BY_OPERATOR[kind] else None
        if target is None:
            assert isinstance(outcome, Rejected), f"{event!r} in {state} was answered with {outcome}"
            assert everything(row.id) == before, f"{event!r} moved a row in {state}."
            assert rows.rejections(row.id) == [(event, "event_not_allowed")]
        else:
            after = rows.the_row(row.id)
            # Who keeps accounts apart on somebody's behalf also finishes their sign-in.
            assert after.state == ("kept_apart" if target == "keeping_apart" else target)
            assert after.secrets is None, f"{event!r} in {state}"
            lines = list(after.log.order_by("sequence"))[1:]
            assert {(line.actor, line.reason) for line in lines} == {("operator:7", "the customer called")}
