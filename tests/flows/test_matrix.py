"""The matrix of states and events: what is allowed stands here, written by hand; the rest is refused."""

from __future__ import annotations

import contextlib
import random
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rows
from callers import Operator, Person

from stateful_oauth.flows import identifiers
from stateful_oauth.flows.authorization_response import AuthorizationResponse
from stateful_oauth.flows.definition import FlowDefinition
from stateful_oauth.flows.effects import Event
from stateful_oauth.flows.errors import EventNotAllowed
from stateful_oauth.flows.openid import PushedAuthorizationResponse, VerifiedIdentity
from stateful_oauth.flows.outcomes import Rejected
from stateful_oauth.flows.secret import Secret
from stateful_oauth.flows.sign_in import AccountResolved, SignIn
from stateful_oauth.flows.transaction import BROWSER, StateKind, Transaction, TransitionLog
from stateful_oauth.integrations.django import wiring
from stateful_oauth.storage.store import DjangoTransactionStore

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)

# The event that each state takes, and where it leads. Not read from the machine: this is what the machine is
# held against. "start" leads to one of two states, by its guard.
ALLOWED: dict[str, dict[str, dict[str, str]]] = {
    "login": {
        "created": {"start": "awaiting_callback", "fail": "failed"},
        "pushing_request": {
            "request_pushed": "awaiting_callback",
            "retry": "pushing_request",
            "fail": "failed",
            "abandon": "abandoned",
        },
        "awaiting_callback": {
            "callback": "exchanging_code",
            "cancel": "cancelled",
            "mismatch": "mismatched",
            "fail": "failed",
            "expire": "expired",
            "abandon": "abandoned",
        },
        "exchanging_code": {
            "code_exchanged": "resolving_account",
            "mismatch": "mismatched",
            "fail": "failed",
            "abandon": "abandoned",
        },
        "resolving_account": {"account_resolved": "signed_in", "fail": "failed"},
        "signed_in": {},
        "cancelled": {},
        "mismatched": {},
        "failed": {},
        "expired": {},
        "abandoned": {},
    }
}
FINAL = {"signed_in", "cancelled", "mismatched", "failed", "expired", "abandoned"}
BY_OPERATOR = {"cancel", "abandon"}
BY_BROWSER = {"callback"}

LOGIN_STATES = tuple(ALLOWED["login"])
LOGIN_EVENTS = tuple(sorted({event for row in ALLOWED["login"].values() for event in row}))
# The six events of the domain, in every flow, and some that no machine knows.
FOREIGN_EVENTS = ("confirm", "pending_link", "sign_in", "__init__", "", "Callback")
CELLS = [(state, event) for state in LOGIN_STATES for event in (*LOGIN_EVENTS, *FOREIGN_EVENTS)]

IDENTITY = VerifiedIdentity(issuer="https://tenant.example/", subject="auth0|1", claims={})
PAYLOADS: dict[str, Any] = {
    "request_pushed": PushedAuthorizationResponse(request_uri=Secret("urn:x"), expires_in=30),
    "account_resolved": AccountResolved(sign_in=SignIn(identity=IDENTITY), user_id="1"),
}


def in_state(flow: FlowDefinition, state: str, person: Person | None = None, **inputs: Any) -> Transaction:
    """Return a transaction that stands in a state, with the secrets that it would have there."""
    kind = flow.state_kinds[state]
    now = wiring.clock.now()
    transaction_id = identifiers.new_transaction_id(now)
    secrets = {name: Secret(name * 9) for name in ("state", "nonce", "code_verifier")}
    return Transaction(
        id=transaction_id,
        kind=flow.kind,
        tenant="default",
        definition=flow.definition,
        state=state,
        state_kind=kind,
        version=1,
        browser=(person or Person()).browser,
        state_digest=identifiers.digest("state" * 9),
        inputs={
            "redirect_uri": "https://app.example/auth/callback/",
            "scope": "openid",
            "parameters": {},
            "issuer": "https://tenant.example/",
            **inputs,
        },
        secrets={} if kind is StateKind.FINAL else secrets,
        deadline=now + timedelta(seconds=600) if kind is StateKind.WAITING else None,
        lease_until=now + timedelta(seconds=30) if kind is StateKind.WORKING else None,
        attempts=1 if kind is StateKind.WORKING else 0,
        result={"sub": "auth0|1"} if state == "signed_in" else {},
        created_at=now,
        changed_at=now,
    )


def walk(flow: FlowDefinition, transaction: Transaction) -> Any:
    return flow.walk(transaction, now=NOW, actor=BROWSER, deadlines={})


@pytest.fixture
def login() -> FlowDefinition:
    return wiring.flows()["login"]


def test_every_registered_flow_has_its_table_here():
    missing = {flow.kind for flow in wiring.flows()} - set(ALLOWED)
    assert not missing, (
        f"Write the table of {missing} by hand, into ALLOWED: it is what the machine is held against."
    )


def test_the_machine_has_the_states_and_events_of_the_table_and_no_others(login):
    assert set(login.state_kinds) == set(LOGIN_STATES)
    assert set(login.events) == set(LOGIN_EVENTS)
    assert {state for state, kind in login.state_kinds.items() if kind is StateKind.FINAL} == FINAL


@pytest.mark.parametrize(("state", "event"), CELLS, ids=lambda value: value or "(empty)")
def test_a_cell_of_the_matrix(login, state, event):
    before = in_state(login, state)
    walking = walk(login, before)
    target = ALLOWED["login"][state].get(event)
    if target is None:
        with pytest.raises(EventNotAllowed):
            walking.take(Event(event, PAYLOADS.get(event)))
        assert walking.transaction == before, (
            f"{event!r} was refused in {state}, and still changed something."
        )
        assert (walking.log, walking.facts, walking.effect) == ([], [], None)
        return
    walking.take(Event(event, PAYLOADS.get(event), "some_code"))
    after = walking.transaction
    assert after.state == target
    assert (after.version, after.code) == (before.version + 1, "some_code")
    assert [(line.source, line.event, line.target) for line in walking.log] == [(state, event, target)]
    kind = login.state_kinds[target]
    assert after.state_kind is kind
    assert (after.deadline is not None) == (kind is StateKind.WAITING)
    assert (after.lease_until is not None) == (kind is StateKind.WORKING)
    assert (walking.effect is not None) == (kind is StateKind.WORKING)
    assert bool(after.secrets) == (kind is not StateKind.FINAL)
    assert after.attempts == (0 if kind is not StateKind.WORKING else 2 if event == "retry" else 1)


def test_start_pushes_the_request_exactly_when_the_row_says_so(login):
    walking = walk(login, in_state(login, "created", par=True))
    walking.take(Event("start"))
    assert walking.transaction.state == "pushing_request"


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


def test_machines_that_are_used_again_and_by_many_threads_mix_nothing_up(login):
    """A definition keeps its machines for the next event; each event still sees its own transaction only."""

    def walk_all(number: int) -> list[str]:
        wrong = []
        cells = [(state, event) for state, row in ALLOWED["login"].items() for event in row]
        random.Random(number).shuffle(cells)
        for state, event in cells * 3:
            before = in_state(login, state, next=f"/{number}")
            walking = walk(login, before)
            with contextlib.suppress(EventNotAllowed):
                walking.take(Event("confirm"))
            walking.take(Event(event, PAYLOADS.get(event)))
            after = walking.transaction
            expected = (before.id, before.next_url, ALLOWED["login"][state][event])
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


@pytest.mark.database
@pytest.mark.parametrize("state", LOGIN_STATES)
def test_of_all_events_a_browser_can_send_only_callback(login, tenant, db, state):
    """No browser sends itself a result, an expiry or an operator's event (checklist S20)."""
    for event in {*LOGIN_EVENTS, *FOREIGN_EVENTS} - BY_BROWSER:
        row = put(in_state(login, state))
        before = everything(row.id)
        outcome = wiring.engine().dispatch(row.id, Event(event), Person(), kind="login")
        assert isinstance(outcome, Rejected), f"{event!r} in {state} was answered with {outcome}"
        assert outcome.code == "event_not_allowed"
        assert everything(row.id) == before, f"{event!r} moved a row in {state}."
        assert rows.rejections(row.id) == [(event, "event_not_allowed")]


@pytest.mark.database
@pytest.mark.parametrize("state", sorted(set(LOGIN_STATES) - {"awaiting_callback"}))
def test_a_callback_moves_a_row_only_where_it_is_awaited(login, tenant, db, state):
    row = put(in_state(login, state))
    before = everything(row.id)
    response = AuthorizationResponse(state="state" * 9, code=Secret("a code"))
    outcome = wiring.engine().dispatch(row.id, Event("callback", response), Person(), kind="login")
    assert everything(row.id) == before
    assert tenant.requests["/oauth/token"] == 0
    assert isinstance(outcome, Rejected) if state == "created" else outcome.replayed, outcome


@pytest.mark.database
@pytest.mark.parametrize("state", LOGIN_STATES)
def test_an_operator_can_cancel_and_abandon_where_the_table_says_so(login, tenant, db, state):
    for event in sorted({*LOGIN_EVENTS, *FOREIGN_EVENTS}):
        row = put(in_state(login, state))
        before = everything(row.id)
        outcome = wiring.engine().dispatch(row.id, Event(event, code="abandoned"), Operator(), kind="login")
        target = ALLOWED["login"][state].get(event) if event in BY_OPERATOR else None
        if target is None:
            assert isinstance(outcome, Rejected), f"{event!r} in {state} was answered with {outcome}"
            assert everything(row.id) == before, f"{event!r} moved a row in {state}."
            assert rows.rejections(row.id) == [(event, "event_not_allowed")]
        else:
            after = rows.the_row(row.id)
            assert (after.state, after.secrets) == (target, None), f"{event!r} in {state}"
            line = after.log.order_by("sequence").last()
            assert (line.actor, line.reason) == ("operator:7", "the customer called")
