"""Effects on our own database only: settled with the event that leads to them, whoever sent it. With toys."""

from __future__ import annotations

import uuid

import pytest

from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.crash_points import observed
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.outcomes import Failed
from tests.support import rows
from tests.support.callers import Person
from tests.support.crashes import at, crash_at
from tests.support.toy import Bug, Finished, refuse
from tests.support.toy_family import Family

pytestmark = [pytest.mark.database, pytest.mark.django_db]

STAYED = [("created", "start", "ready"), ("ready", "stay", "keeping"), ("keeping", "kept", "stayed")]


@pytest.fixture
def family(clock, django_user_model):
    """A parent whose local effect makes a user."""
    family = Family(clock)
    family.counter.keeps = lambda context: django_user_model.objects.create_user(f"kept {uuid.uuid4()}")
    return family


def test_a_browsers_event_and_the_local_effect_are_one_commit(family):
    passed: list[tuple[str, str]] = []
    with observed(lambda *place: passed.append(place)):
        outcome = family.stay()
    assert passed == [("settle.before_commit", "stay"), ("settle.after_commit", "stay")]
    assert isinstance(outcome, Finished)
    assert family.person.told == [outcome]
    assert rows.steps(family.id) == STAYED


def test_a_crash_before_the_commit_leaves_nothing(family, django_user_model):
    with crash_at("settle.before_commit", "stay"):
        family.stay()
    assert rows.the_row(family.id).state == "ready"
    assert not django_user_model.objects.exists()
    assert isinstance(family.stay(), Finished), "The browser may send it again."


def test_a_crash_after_the_commit_leaves_all_of_it(family, django_user_model):
    with crash_at("settle.after_commit", "stay"):
        family.stay()
    assert rows.steps(family.id) == STAYED
    assert django_user_model.objects.count() == 1
    again = family.stay()
    assert isinstance(again, Finished)
    assert again.replayed


def test_a_refusal_is_settled_instead_of_it(family, django_user_model):
    def write_and_refuse(context):
        django_user_model.objects.create_user("half made")
        refuse(context)

    family.counter.keeps = write_and_refuse
    outcome = family.stay()
    assert (type(outcome), outcome.code) == (Failed, "account_inactive")
    assert rows.steps(family.id)[1:] == [("ready", "stay", "keeping"), ("keeping", "fail", "failed")]
    assert not django_user_model.objects.exists()


def test_a_mistake_leaves_the_row_where_it_was(family):
    """Nothing happened anywhere: the browser may try again when the mistake is mended."""
    keeps = family.counter.keeps

    def stumble(context):
        raise Bug

    family.counter.keeps = stumble
    with pytest.raises(Bug):
        family.stay()
    assert rows.the_row(family.id).state == "ready"
    family.counter.keeps = keeps
    assert isinstance(family.stay(), Finished)


def test_of_two_events_at_once_one_wins_and_the_other_gets_what_came_of_it(family, django_user_model):
    winner = Person()
    won = []
    # Somebody else's event is settled between the look at the row and its change.
    store = family.engine._store
    load = store.load

    def load_and_lose(transaction_id):
        row = load(transaction_id)
        if not won:
            won.append(True)
            family.stay(winner)
        return row

    store.load = load_and_lose
    outcome = family.stay()
    assert isinstance(outcome, Finished)
    assert outcome.replayed
    assert (len(winner.told), len(family.person.told)) == (1, 0)
    assert django_user_model.objects.count() == 1
    assert rows.steps(family.id) == STAYED


def test_it_is_too_late_for_it_as_for_any_event(family):
    family.clock.advance(61)
    assert family.stay().code == "transaction_expired"
    assert rows.the_row(family.id).state == "expired"


def test_a_stranger_and_a_sweep_cannot_send_it(family):
    assert family.stay(Person("eve's")).code == "transaction_unknown"
    refused = family.engine.dispatch(family.id, Event("kept"), Person(), kind="tests.parent")
    assert refused.code == "event_not_allowed"
    family.engine.recover(family.id, SystemCaller())
    assert rows.the_row(family.id).state == "ready"


def test_while_something_else_is_in_flight_it_waits_for_that(family):
    answers = []
    with at("effect.after", "bear", lambda: answers.append(family.stay())):
        family.go()
    (answer,) = answers
    assert answer.replayed
    assert rows.rejections(family.id) == [("stay", "in_progress")]
