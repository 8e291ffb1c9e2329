"""Effects that insist: what may have happened at the provider is not forgotten. With a toy, without OAuth."""

from __future__ import annotations

import logging

import pytest

from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.effects import Event, LostAnswer
from stateful_oauth.flows.engine.outcomes import Abandoned, Failed, InProgress
from tests.support import rows
from tests.support.callers import Operator
from tests.support.crashes import crash_at
from tests.support.toy import KIND, RETRY_AFTER, Counter, Finished, Toyland, make_toy

pytestmark = [pytest.mark.database, pytest.mark.django_db]

LEASE = 5 + 20  # seconds: the toy's time limit and the margin
SWEEP = SystemCaller()


@pytest.fixture
def land(clock):
    """Make a toyland whose effect insists: `land("answer lost", max_attempts=5)`."""

    def make(*troubles: str, **declared: object) -> Toyland:
        counter = Counter(list(troubles))
        return Toyland(make_toy(counter, must_complete=True, **declared), counter, clock)

    return make


def due_in(land: Toyland) -> float:
    """Seconds until recovery is due."""
    lease = rows.the_row(land.id).lease_until
    assert lease is not None, rows.show(land.id)
    return (lease - land.clock.now()).total_seconds()


def pauses_of(land: Toyland, most: int = 20) -> list[float]:
    """Recover whenever it is due, until the row is stuck or over; return how long each pause was."""
    pauses = []
    for _ in range(most):
        row = rows.the_row(land.id)
        if row.state_kind == "final" or row.stuck_since is not None:
            return pauses
        pauses.append(due_in(land))
        land.clock.advance(pauses[-1])
        land.engine.recover(land.id, SWEEP)
    raise AssertionError(f"Neither stuck nor over:\n{rows.show(land.id)}")


# Backing off.


@pytest.mark.parametrize("trouble", ["request lost", "answer lost", "unreachable"])
def test_the_second_attempt_follows_at_once_and_then_pauses_double(land, trouble):
    land = land(*[trouble] * 20, max_attempts=6)
    outcome = land.go()
    assert isinstance(outcome, InProgress), "A browser is told to wait."
    assert land.counter.calls == ["count", "count"]
    assert pauses_of(land) == [5, 10, 20, 40]
    assert land.counter.calls == ["count"] * 6


def test_no_pause_is_longer_than_ten_minutes(land):
    land = land(*["request lost"] * 30, max_attempts=12)
    land.go()
    assert pauses_of(land) == [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]


def test_a_pause_between_repetitions_is_kept_by_all(land):
    land = land("request lost", "request lost")
    land.go()
    land.clock.advance(4)
    assert isinstance(land.engine.recover(land.id, SWEEP), InProgress)
    assert isinstance(land.engine.follow(land.id, land.person), InProgress)
    assert isinstance(land.go(), InProgress)
    assert land.counter.calls == ["count", "count"], "Somebody did not wait."
    land.clock.advance(1)
    assert isinstance(land.engine.recover(land.id, SWEEP), Finished)


def test_the_browser_that_waits_goes_on_when_the_pause_is_over(land):
    land = land("request lost", "request lost")
    land.go()
    land.clock.advance(5)
    assert isinstance(land.engine.follow(land.id, land.person), Finished)


def test_what_came_of_it_is_read_again_and_not_done_again(land):
    land = land("answer lost", lost_answer=LostAnswer.REREAD)
    assert isinstance(land.go(), Finished)
    assert land.counter.calls == ["count", "look"]
    assert land.counter.value == 1


def test_each_pause_stands_in_the_log_with_what_happened(land):
    land = land("unreachable", "answer garbled", "request lost", max_attempts=6)
    land.go()
    pauses_of(land)
    codes = [line.code for line in rows.the_row(land.id).log.order_by("sequence") if line.event == "retry"]
    assert codes == [
        "provider_unreachable",  # at once
        "provider_answer_invalid",  # pause of 5 s
        "provider_answer_lost",  # recovery: nobody came back
        "provider_answer_lost",  # pause of 10 s
        "provider_answer_lost",  # recovery
    ]


# Rate limits.


@pytest.mark.parametrize("patient", [True, False])
def test_a_rate_limit_pauses_for_as_long_as_the_provider_says(land, patient):
    land = land("busy", waits_for_rate_limit=patient)
    assert isinstance(land.go(), InProgress)
    assert due_in(land) == RETRY_AFTER
    assert rows.the_row(land.id).code == "rate_limited"
    land.clock.advance(RETRY_AFTER)
    assert isinstance(land.engine.recover(land.id, SWEEP), Finished)


def test_being_told_to_wait_uses_up_no_attempt(land):
    """However long a provider is busy: only what was started counts."""
    land = land(*["busy"] * 10, waits_for_rate_limit=True, max_attempts=3)
    land.go()
    assert pauses_of(land) == [RETRY_AFTER] * 10
    assert rows.the_row(land.id).state == "done", rows.show(land.id)


def test_a_rate_limit_after_a_lost_answer_does_not_forget_the_lost_answer(land):
    """What may have happened once may not be called failed because the provider is busy now."""
    land = land("answer lost", "busy, for how long nobody knows", waits_for_rate_limit=True, max_attempts=5)
    assert isinstance(land.go(), InProgress), "At once, as after any lost answer; and then after a pause."
    assert pauses_of(land) == [5]
    assert rows.the_row(land.id).state == "done", rows.show(land.id)


# Stuck.


def stuck(land: Toyland) -> Toyland:
    land.go()
    pauses_of(land)
    assert rows.the_row(land.id).stuck_since == land.clock.now(), rows.show(land.id)
    return land


def test_when_the_attempts_are_used_up_the_row_waits_for_an_operator(land, caplog):
    with caplog.at_level(logging.ERROR):
        town = stuck(land(*["request lost"] * 20, max_attempts=4))
    row = rows.the_row(town.id)
    assert (row.state, row.state_kind, row.code) == ("counting", "working", "recovery_exhausted")
    assert row.attempts == 4
    assert row.secrets is not None, "Whoever retries needs them."
    assert f"{town.id} is stuck in counting" in caplog.text
    assert town.counter.calls == ["count"] * 4


def test_a_worker_that_died_again_and_again_leaves_it_stuck_too(land):
    town = land(max_attempts=2)
    with crash_at("effect.before", "count"):
        town.go()
    town.clock.advance(LEASE)
    with crash_at("effect.before", "count"):
        town.engine.recover(town.id, SWEEP)
    town.clock.advance(LEASE)
    town.engine.recover(town.id, SWEEP)
    assert rows.the_row(town.id).stuck_since is not None, rows.show(town.id)


@pytest.mark.parametrize("who", ["the sweep", "the browser that waits", "a late delivery"])
def test_nobody_but_an_operator_moves_a_stuck_row(land, who):
    town = stuck(land(*["request lost"] * 20, max_attempts=2))
    before, calls = rows.steps(town.id), len(town.counter.calls)
    town.clock.advance(3600)
    outcome = {
        "the sweep": lambda: town.engine.recover(town.id, SWEEP),
        "the browser that waits": lambda: town.engine.follow(town.id, town.person),
        "a late delivery": town.go,
    }[who]()
    assert isinstance(outcome, InProgress)
    assert (rows.steps(town.id), len(town.counter.calls)) == (before, calls)


def test_an_operator_starts_over_with_all_attempts(land):
    town = stuck(land(*["request lost"] * 5, max_attempts=3))
    assert town.counter.calls == ["count"] * 3
    outcome = town.engine.recover(town.id, Operator())
    assert isinstance(outcome, InProgress)
    row = rows.the_row(town.id)
    assert row.stuck_since is None, "From now on it is the sweep's again."
    assert town.counter.calls == ["count"] * 5, "At once, and once more at once: as at the beginning."
    assert due_in(town) == 5
    town.clock.advance(5)
    assert isinstance(town.engine.recover(town.id, SWEEP), Finished)


def test_an_operator_who_starts_over_may_find_it_stuck_again(land):
    town = stuck(land(*["request lost"] * 20, max_attempts=3))
    town.engine.recover(town.id, Operator())
    pauses_of(town)
    assert rows.the_row(town.id).stuck_since is not None
    assert town.counter.calls == ["count"] * 6


def test_what_an_operator_starts_stands_in_the_log_with_the_reason(land):
    town = stuck(land(*["request lost"] * 3, max_attempts=3))
    assert isinstance(town.engine.recover(town.id, Operator("they called twice")), Finished)
    lines = [line for line in rows.the_row(town.id).log.order_by("sequence") if line.actor == "operator:7"]
    assert [line.event for line in lines] == ["retry", "counted", "kept"]
    assert {line.reason for line in lines} == {"they called twice"}


def test_an_operator_abandons_a_stuck_row(land):
    town = stuck(land(*["request lost"] * 20, max_attempts=2))
    outcome = town.engine.dispatch(town.id, Event("abandon"), Operator(), kind=KIND)
    assert isinstance(outcome, Abandoned)
    row = rows.the_row(town.id)
    assert (row.stuck_since, row.secrets, row.lease_until) == (None, None, None)


def test_an_operator_does_not_hurry_a_pause(land):
    """Only what is due: a row in its lease may be at work."""
    town = land("request lost", "request lost")
    town.go()
    assert isinstance(town.engine.recover(town.id, Operator()), InProgress)
    assert town.counter.calls == ["count", "count"]


def test_an_effect_that_does_not_insist_fails_when_the_attempts_are_used_up(clock):
    counter = Counter(["request lost"] * 9)
    town = Toyland(make_toy(counter, max_attempts=2), counter, clock)
    assert isinstance(town.go(), Failed)
    assert rows.the_row(town.id).stuck_since is None
