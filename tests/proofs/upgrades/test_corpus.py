"""Rows that each released definition wrote go on under today's machines: they load, and come to an end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.outcomes import RedirectTo, Rejected
from stateful_oauth.flows.engine.transaction import BROWSER, StateKind
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.storage.store import DjangoTransactionStore
from stateful_oauth.testing.clock import ManualClock
from tests.support import accounts_site, rows
from tests.support.callers import Operator
from tests.support.released import CORPUS, Snapshot, fold, read

pytestmark = pytest.mark.django_db

SNAPSHOTS = [
    pytest.param(snapshot, id=f"{path.stem}-{snapshot.name}")
    for path in sorted(CORPUS.glob("*.json"))
    for snapshot in read(path)
]
OPEN = [each for each in SNAPSHOTS if not each.values[0].row.is_final]
FINAL = [each for each in SNAPSHOTS if each.values[0].row.is_final]
PATIENCE = 30  # steps of recovery, more than any flow needs


class ItsBrowser(SystemCaller):
    """The browser that the row was started in."""

    actor = BROWSER

    def __init__(self, snapshot: Snapshot) -> None:
        self.browser: Any = snapshot.row.browser
        self.browsers = (snapshot.row.browser,) if snapshot.row.browser else ()
        self.user_id = snapshot.row.user_id


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ManualClock:
    """The moment at which the row was written."""
    clock = ManualClock(request.getfixturevalue("snapshot").row.changed_at)
    monkeypatch.setattr(wiring, "clock", clock)
    return clock


@pytest.fixture
def restored(snapshot: Snapshot, tenant: Any, db: None) -> Iterator[Snapshot]:
    """The row in today's database, at a site and a tenant of today."""
    accounts_site.prepare(tenant)
    tenant.settings.par = True
    if snapshot.row.user_id is not None:
        get_user_model().objects.create(pk=snapshot.row.user_id, username="whose it is")
    store = DjangoTransactionStore()
    with store.transaction():
        store.create(snapshot.row, snapshot.log)
    with accounts_site.site():
        yield snapshot


def stored(snapshot: Snapshot) -> FlowTransaction:
    return FlowTransaction.objects.get(pk=snapshot.row.id)


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_it_loads_and_its_log_folds(restored):
    row = DjangoTransactionStore().load(restored.row.id)
    assert row is not None
    assert dict(row.secrets) == dict(restored.row.secrets)
    assert row.evolve(secrets={}) == restored.row.evolve(secrets={})
    flow, today = wiring.flows().current(row)
    assert today.definition == flow.definition
    assert today.state_kind == flow.state_kinds[today.state]
    fold(restored, flow)


@pytest.mark.parametrize("snapshot", OPEN)
def test_it_comes_to_an_end_by_itself_or_by_an_operator(restored, clock):
    engine, id_ = wiring.engine(), restored.row.id
    for _ in range(PATIENCE):
        row = stored(restored)
        if row.state_kind == StateKind.FINAL:
            break
        if row.stuck_since is not None:
            outcome = engine.dispatch(id_, Event("abandon"), Operator(), kind=row.kind)
        else:
            clock.advance(3700)
            outcome = engine.recover(id_, SystemCaller())
        assert not isinstance(outcome, Rejected), f"{outcome.code}:\n{rows.show(id_)}"
    row = stored(restored)
    assert row.state_kind == StateKind.FINAL, rows.show(id_)
    assert row.secrets is None
    assert row.definition_version == wiring.flows()[row.kind].machine.version
    if restored.row.definition == wiring.flows()[row.kind].definition:
        rows.check_rows()


@pytest.mark.parametrize("snapshot", FINAL)
def test_it_is_over_and_says_how_it_ended(restored):
    machine = wiring.flows()[restored.row.kind].machine
    outcome = wiring.engine().follow(restored.row.id, ItsBrowser(restored))
    state: Any = machine.states_map[stored(restored).state]
    assert isinstance(outcome, state.outcome), outcome
    assert (outcome.replayed, outcome.code) == (True, restored.row.code)


@pytest.mark.parametrize("snapshot", OPEN)
def test_its_browser_gets_an_answer(restored):
    outcome = wiring.engine().follow(restored.row.id, ItsBrowser(restored))
    assert not isinstance(outcome, Rejected), outcome


@pytest.mark.parametrize(
    "snapshot",
    [
        each
        for each in OPEN
        if (each.values[0].row.kind, each.values[0].row.state) == ("login", "awaiting_callback")
        and "request_uri" not in each.values[0].row.secrets  # which the tenant of then knew
    ],
)
def test_a_sign_in_that_was_begun_before_the_upgrade_is_finished_after_it(restored, tenant):
    engine, browser = wiring.engine(), ItsBrowser(restored)
    outcome = engine.follow(restored.row.id, browser)
    assert isinstance(outcome, RedirectTo)
    callback = tenant.visitor().authorize(outcome.url, as_user="ada@example.com")
    response = AuthorizationResponse.parse([(name, [value]) for name, value in callback.fields.items()])
    arrived = engine.dispatch(
        restored.row.id, Event("callback", response), browser, kind="login", state=response.state
    )
    assert isinstance(arrived, SignedIn), arrived
    assert stored(restored).state == "signed_in"


@pytest.mark.parametrize("flow", list(wiring.flows()), ids=lambda flow: flow.kind)
def test_there_is_a_row_of_every_state_that_one_can_be_in(flow):
    """Otherwise the corpus says nothing about the state that was forgotten."""
    path = CORPUS / f"{flow.kind}-v{flow.machine.version}.json"
    seen = {snapshot.row.state for snapshot in read(path)}
    # A local effect runs inside the settlement, so a row may pass through its state and never rest there.
    passing = {state for state in flow.state_kinds if (effect := flow.effect_in(state)) and effect.is_local}
    forgotten = set(flow.state_kinds) - seen - passing - {flow.initial}
    assert not forgotten, f"{path.name} has no row that is {', '.join(sorted(forgotten))}."


@pytest.mark.parametrize("flow", list(wiring.flows()), ids=lambda flow: flow.kind)
def test_there_is_a_log_with_every_edge(flow):
    """As docs/operations.md says; an edge with several guards or effects counts once."""
    path = CORPUS / f"{flow.kind}-v{flow.machine.version}.json"
    seen = {(line.source, line.event, line.target) for each in read(path) for line in each.log}
    forgotten = {(edge.source, edge.event, edge.target) for edge in flow.edges} - seen
    assert not forgotten, f"{path.name} never went {sorted(forgotten)}."
