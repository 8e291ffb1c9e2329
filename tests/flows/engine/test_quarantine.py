"""Rows that this release does not know: left exactly as they are, answered politely, never a crash."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import override_settings

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.outcomes import InProgress, RedirectTo, Rejected
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.storage.models import FlowTransaction
from tests.support import rows
from tests.support.attempts import Attempt
from tests.support.callers import Operator, Person
from tests.support.crashes import crash_at
from tests.support.toy import KIND, Counter, Finished, Toyland, make_toy

pytestmark = [pytest.mark.database, pytest.mark.django_db]

SWEEP = SystemCaller()

# What makes a row of another release. Kinds with a dot are a project's own, so the database takes any state.
STRANGE = {
    "a flow that is gone": {"kind": "shop.gone"},
    "a newer version": {"definition_version": 99},
    "an older version without an upcast": {"definition_version": 0},
    "the same version with another structure": {"definition_structure": "0123456789ab"},
    "secrets under a key that is gone": {"secrets": "gAAAAABnobody-has-this-key"},
    "secrets of another row": {},
}


def make_strange(row: FlowTransaction, changes: dict[str, object], donor: FlowTransaction) -> None:
    changes = changes or {"secrets": donor.secrets}
    FlowTransaction.objects.filter(pk=row.pk).update(**changes)


def content(row: FlowTransaction) -> dict[str, object]:
    return FlowTransaction.objects.filter(pk=row.pk).values().get()


@pytest.mark.parametrize("changes", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("state", ["waiting", "working"])
def test_nothing_touches_a_row_of_another_release(tenant, clock, changes, state):
    attempt, donor = Attempt(tenant).authorize(), Attempt(tenant)
    if state == "working":
        with crash_at("effect.before", "exchange_code"):
            attempt.deliver()
    row = rows.the_row(attempt.id)
    make_strange(row, changes, rows.the_row(donor.id))
    before = content(row)
    kind = str(before["kind"])

    clock.advance(24 * 3600)  # long past every deadline and lease
    engine = wiring.engine()
    operator = Operator()
    answers = {
        "the sweep": engine.recover(attempt.id, SWEEP),
        "the browser": attempt.deliver(kind=kind),
        "its progress page": engine.follow(attempt.id, attempt.person),
        "an operator": engine.dispatch(attempt.id, Event("abandon"), operator, kind=kind),
    }
    for who, outcome in answers.items():
        assert isinstance(outcome, Rejected), f"{who} got {outcome}"
        assert outcome.code == "quarantined", f"{who} got {outcome.code}"
    assert content(row) == before, "A quarantined row was touched."
    assert tenant.requests["/oauth/token"] == 0


@pytest.mark.parametrize("changes", STRANGE.values(), ids=STRANGE)
def test_a_browser_with_a_row_of_another_release_can_start_again(tenant, changes):
    attempt, donor = Attempt(tenant), Attempt(tenant)
    make_strange(rows.the_row(attempt.id), changes, rows.the_row(donor.id))
    with override_settings(STATEFUL_OAUTH={**settings.STATEFUL_OAUTH, "OPEN_PER_BROWSER": 1}):
        again = Attempt(tenant)
        assert isinstance(again.outcome, RedirectTo)
        assert isinstance(again.authorize().deliver(), SignedIn)


def test_a_quarantined_row_is_finished_by_the_release_that_knows_it(clock):
    counter = Counter()
    new = make_toy(counter, version=2)
    land = Toyland(new, counter, clock)
    old = land.engine_with(make_toy(counter, version=1))
    assert old.dispatch(land.id, Event("go"), land.person, kind=KIND).code == "quarantined"
    assert isinstance(land.go(), Finished)


def test_a_row_of_a_tenant_that_was_taken_out_of_the_settings_is_no_crash(tenant, clock):
    """The sweep goes over all rows: one that belongs to nobody must not stop it."""
    attempt = Attempt(tenant)
    FlowTransaction.objects.filter(pk=attempt.id).update(tenant="closed")
    clock.advance(3600)
    before = content(rows.the_row(attempt.id))
    for outcome in (
        wiring.engine().recover(attempt.id, SWEEP),
        wiring.engine().follow(attempt.id, attempt.person),
        wiring.engine().dispatch(attempt.id, Event("abandon"), Operator(), kind="login", tenant="closed"),
    ):
        assert isinstance(outcome, Rejected)
        assert outcome.code == "quarantined"
    assert content(rows.the_row(attempt.id)) == before


@pytest.mark.parametrize(
    "strange", [{"definition_version": 99}, {"state": "dancing"}], ids=["version", "state"]
)
def test_a_newer_release_may_move_the_row_while_an_older_one_waits_for_it(clock, strange):
    """A rolling deployment: the worker that waits for the winner meets a row that it does not know."""
    counter = Counter()
    land = Toyland(make_toy(counter), counter, clock)
    with crash_at("effect.before", "count"):
        land.go()

    class NewRelease(type(clock)):
        def sleep(self, seconds):
            super().sleep(seconds)
            FlowTransaction.objects.filter(pk=land.id).update(
                state_kind="final", lease_until=None, secrets=None, version=9, **{"state": "done", **strange}
            )

    land.clock = NewRelease(clock.now())
    outcome = land.engine_with(land.machine).dispatch(land.id, Event("go"), land.person, kind=KIND)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "quarantined"


@pytest.mark.parametrize(
    "strange", [{"definition_version": 99}, {"state": "dancing"}], ids=["version", "state"]
)
def test_a_newer_release_may_move_the_row_while_an_older_one_works_on_it(clock, strange):
    from tests.support.crashes import at

    counter = Counter()
    land = Toyland(make_toy(counter), counter, clock)

    def new_release():
        FlowTransaction.objects.filter(pk=land.id).update(
            state_kind="final", lease_until=None, secrets=None, version=9, **{"state": "done", **strange}
        )

    with at("effect.after", "count", new_release):
        outcome = land.go()
    assert isinstance(outcome, Rejected)
    assert outcome.code == "quarantined"
    assert land.person.told == []


# Upcasts.


def test_an_upcast_moves_an_old_row_to_todays_meaning(clock):
    counter = Counter()
    land = Toyland(make_toy(counter, version=1), counter, clock)
    moved: list[int] = []

    def upcast(step: int):
        def move(transaction):
            moved.append(step)
            return transaction.evolve(inputs={**transaction.inputs, f"moved by {step}": True})

        return move

    today = make_toy(counter, version=3, upcasts={1: upcast(1), 2: upcast(2)})
    today.kept_inputs = ("moved by 1", "moved by 2")
    engine = land.engine_with(today)
    assert isinstance(engine.dispatch(land.id, Event("go"), land.person, kind=KIND), Finished)
    assert moved[:2] == [1, 2], "Upcasts are taken one version at a time, oldest first."
    row = rows.the_row(land.id)
    assert row.definition_version == 3
    assert row.inputs == {"moved by 1": True, "moved by 2": True}


def test_a_gap_in_the_upcasts_quarantines(clock):
    counter = Counter()
    land = Toyland(make_toy(counter, version=1), counter, clock)
    today = make_toy(counter, version=3, upcasts={2: lambda transaction: transaction})
    assert (
        land.engine_with(today).dispatch(land.id, Event("go"), land.person, kind=KIND).code == "quarantined"
    )


def test_an_upcast_row_that_is_at_work_is_recovered_under_todays_meaning(clock):
    counter = Counter()
    land = Toyland(make_toy(counter, version=1), counter, clock)
    with crash_at("effect.before", "count"):
        land.go()
    today = land.engine_with(make_toy(counter, version=2, upcasts={1: lambda transaction: transaction}))
    assert isinstance(today.follow(land.id, land.person), InProgress)
    clock.advance(60)
    assert isinstance(today.recover(land.id, SWEEP), Finished)
    assert rows.the_row(land.id).definition_version == 2


def test_a_stranger_learns_nothing_about_a_quarantined_row(tenant):
    attempt = Attempt(tenant).authorize()
    FlowTransaction.objects.filter(pk=attempt.id).update(definition_version=99)
    assert attempt.deliver(Person("eve's")).code == "other_browser"
