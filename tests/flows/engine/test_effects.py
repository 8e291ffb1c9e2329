"""What becomes of an effect: answered, lost, refused, rate limited, broken. With a toy, without OAuth."""

from __future__ import annotations

import pytest

from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.engine.effects import Event, LostAnswer
from stateful_oauth.flows.engine.errors import StoreUnavailable
from stateful_oauth.flows.engine.outcomes import Abandoned, Failed, InProgress, Mismatched, Rejected
from stateful_oauth.flows.oauth.errors import ProviderUnreachable
from tests.support import rows
from tests.support.callers import Operator, Person
from tests.support.crashes import at, crash_at
from tests.support.toy import RETRY_AFTER, Bug, Counter, Finished, Toyland, Waits, make_toy, refuse

pytestmark = [pytest.mark.database, pytest.mark.django_db]

LEASE = 5 + 20  # seconds: the toy's time limit and the margin
SWEEP = SystemCaller()


@pytest.fixture
def land(clock):
    """Make a toyland: `land("answer lost", lost_answer=LostAnswer.REREAD)`."""

    def make(*troubles: str, **declared: object) -> Toyland:
        counter = Counter(list(troubles))
        return Toyland(make_toy(counter, **declared), counter, clock)

    return make


def code_of(land: Toyland) -> str:
    return rows.the_row(land.id).code


def test_an_answer_leads_through_the_local_effect_to_the_end(land):
    land = land()
    outcome = land.go()
    assert isinstance(outcome, Finished)
    assert not outcome.replayed
    assert land.person.told == [outcome], "The caller is told once, when its transaction is settled."
    assert rows.the_row(land.id).result == {"value": 1}
    assert [step[1] for step in rows.steps(land.id)] == ["start", "go", "counted", "kept"]


# A lost answer.


@pytest.mark.parametrize("trouble", ["answer lost", "request lost"])
def test_repeat_does_it_again_at_once(land, trouble):
    land = land(trouble)
    assert isinstance(land.go(), Finished)
    assert land.counter.calls == ["count", "count"]
    assert [step[1] for step in rows.steps(land.id)] == ["start", "go", "retry", "counted", "kept"]


def test_reread_looks_whether_it_happened_and_does_not_do_it_again(land):
    land = land("answer lost", lost_answer=LostAnswer.REREAD)
    assert isinstance(land.go(), Finished)
    assert land.counter.calls == ["count", "look"]
    assert land.counter.value == 1, "It had happened, and was done once more."


def test_give_up_ends_with_its_code_and_never_asks_again(land):
    land = land("answer lost", lost_answer=LostAnswer.FAIL)
    outcome = land.go()
    assert isinstance(outcome, Failed)
    assert outcome.code == "code_exchange_lost"
    land.clock.advance(3600)
    land.engine.recover(land.id, SWEEP)
    assert land.counter.calls == ["count"]


def test_an_answer_that_is_none_keeps_its_own_code_when_the_effect_gives_up(land):
    land = land("answer garbled", lost_answer=LostAnswer.FAIL)
    assert land.go().code == "provider_answer_invalid"


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_an_effect_is_started_at_most_max_attempts_times(land, attempts):
    land = land(*["request lost"] * 9, max_attempts=attempts)
    outcome = land.go()
    assert isinstance(outcome, Failed)
    assert outcome.code == "provider_answer_lost"
    assert land.counter.calls == ["count"] * attempts


def test_a_worker_that_died_again_and_again_comes_to_an_end_too(land):
    land = land(max_attempts=3)
    with crash_at("effect.before", "count"):
        land.go()
    for _ in range(2):
        land.clock.advance(LEASE + 1)
        with crash_at("effect.before", "count"):
            land.engine.recover(land.id, SWEEP)
    land.clock.advance(LEASE + 1)
    outcome = land.engine.recover(land.id, SWEEP)
    assert isinstance(outcome, Failed), rows.show(land.id)
    rows.nothing_working()


# Refusals.


def test_a_refusal_ends_with_its_code(land):
    land = land("refused")
    outcome = land.go()
    assert isinstance(outcome, Failed)
    assert (outcome.code, land.counter.calls) == ("client_rejected", ["count"])


def test_a_provider_that_was_not_reached_ends_it(land):
    assert land("unreachable").go().code == "provider_unreachable"


def test_a_mismatch_is_a_state_of_its_own(land):
    outcome = land("mismatch").go()
    assert isinstance(outcome, Mismatched)
    assert outcome.code == "subject_mismatch"


def test_a_local_refusal_rolls_back_what_the_local_effect_wrote_and_is_logged_where_it_happened(
    land, django_user_model
):
    land = land()

    def write_and_refuse(context):
        django_user_model.objects.create_user("half made")
        refuse(context)

    land.counter.keeps = write_and_refuse
    outcome = land.go()
    assert isinstance(outcome, Failed)
    assert outcome.code == "account_inactive"
    assert not django_user_model.objects.exists(), "The user of a refused sign-in was kept."
    assert rows.steps(land.id)[-2:] == [("counting", "counted", "keeping"), ("keeping", "fail", "failed")]


def test_a_mismatch_where_the_machine_has_no_such_edge_is_a_failure_with_its_code(land):
    from stateful_oauth.flows.engine.errors import Mismatch

    land = land()

    def other_account(context):
        raise Mismatch("subject_mismatch")

    land.counter.keeps = other_account
    assert land.go().code == "subject_mismatch"
    assert rows.the_row(land.id).state == "failed"


# Rate limits.


def test_an_impatient_effect_fails_on_a_rate_limit(land):
    assert land("busy").go().code == "rate_limited"


def test_a_patient_effect_keeps_the_row_until_the_provider_takes_requests_again(land, clock):
    land = land("busy", waits_for_rate_limit=True)
    outcome = land.go()
    assert isinstance(outcome, InProgress)
    row = rows.the_row(land.id)
    assert row.state_kind == "working"
    assert (row.lease_until - clock.now()).total_seconds() == RETRY_AFTER
    assert row.code == "rate_limited"

    assert isinstance(land.engine.recover(land.id, SWEEP), InProgress), "Too early: the limit is not over."
    assert land.counter.calls == ["count"]
    clock.advance(RETRY_AFTER)
    assert isinstance(land.engine.recover(land.id, SWEEP), Finished)
    assert land.counter.calls == ["count", "count"]


def test_a_postponed_effect_counts_as_started_once(land, clock):
    """`attempts` says how often the effect was started, and being told to wait starts nothing."""
    land = land("busy", "busy", waits_for_rate_limit=True, max_attempts=3)
    land.go()
    assert rows.the_row(land.id).attempts == 1
    for _ in range(2):
        clock.advance(RETRY_AFTER)
        outcome = land.engine.recover(land.id, SWEEP)
    assert isinstance(outcome, Finished), f"Three starts are allowed:\n{rows.show(land.id)}"


def test_a_provider_that_is_always_busy_is_given_up_in_the_end(land, clock):
    land = land(*["busy"] * 9, waits_for_rate_limit=True, max_attempts=3)
    land.go()
    for _ in range(5):
        clock.advance(RETRY_AFTER)
        land.engine.recover(land.id, SWEEP)
    assert rows.the_row(land.id).state == "failed"
    assert land.counter.calls == ["count"] * 3


def test_a_patient_effect_that_is_not_told_how_long_fails(land):
    assert land("busy, for how long nobody knows", waits_for_rate_limit=True).go().code == "rate_limited"


# What nobody expected.


def test_a_mistake_in_an_effect_ends_the_row_and_reaches_the_error_report(land):
    land = land("bug")
    with pytest.raises(Bug):
        land.go()
    assert (rows.the_row(land.id).state, code_of(land)) == ("failed", "internal_error")
    assert land.counter.calls == ["count"], "A repetition would make the same mistake."


@pytest.mark.parametrize("troubles", [("no event",), ("request lost", "no event")], ids=["run", "reread"])
def test_an_effect_that_returns_no_event_is_named(land, troubles):
    land = land(*troubles, lost_answer=LostAnswer.REREAD)
    with pytest.raises(TypeError, match="Effect count: return the event to settle with, and not NoneType"):
        land.go()
    assert (rows.the_row(land.id).state, code_of(land)) == ("failed", "internal_error")


def test_a_mistake_in_a_local_effect_does_the_same(land):
    land = land()

    def stumble(context):
        raise Bug

    land.counter.keeps = stumble
    with pytest.raises(Bug):
        land.go()
    assert (rows.the_row(land.id).state, code_of(land)) == ("failed", "internal_error")


class Clumsy(Person):
    """A caller that stumbles over the outcomes of some types."""

    def __init__(self, *over: type) -> None:
        super().__init__()
        self.over = over

    def settled(self, outcome):
        super().settled(outcome)
        if isinstance(outcome, self.over):
            raise Bug


@pytest.mark.parametrize("over", [(Finished,), (Finished, Failed)], ids=["success", "everything"])
def test_a_caller_that_stumbles_over_the_outcome_ends_the_row(land, over):
    """What it was told did not happen: the row is failed, and the local effect's rows are gone."""
    land = land()
    with pytest.raises(Bug):
        land.go(Clumsy(*over))
    assert (rows.the_row(land.id).state, code_of(land)) == ("failed", "internal_error")
    rows.nothing_working()


def test_a_dead_worker_leaves_the_row_to_recovery(land):
    land = land()
    with crash_at("effect.after", "count"):
        land.go()
    assert rows.the_row(land.id).state == "counting"
    land.clock.advance(LEASE - 1)
    assert isinstance(land.engine.recover(land.id, SWEEP), InProgress), "The lease is not over."
    land.clock.advance(1)
    assert isinstance(land.engine.recover(land.id, SWEEP), Finished)


def test_a_late_delivery_recovers_what_a_dead_worker_left(land):
    """The browser that reloads does not have to wait for the sweep."""
    land = land()
    with crash_at("effect.after", "count"):
        land.go()
    land.clock.advance(LEASE)
    assert isinstance(land.go(), Finished)


def test_a_store_that_is_gone_while_settling_leaves_the_row_to_recovery(land):
    class Leaving(Person):
        def settled(self, outcome):
            raise StoreUnavailable

    land = land()
    with pytest.raises(StoreUnavailable):
        land.go(Leaving())
    assert rows.the_row(land.id).state == "counting"
    land.clock.advance(LEASE)
    assert isinstance(land.engine.recover(land.id, SWEEP), Finished)


# The fence.


def test_a_late_result_is_dropped_when_an_operator_abandoned_the_row_meanwhile(land):
    land = land()

    def abandon():
        land.engine.dispatch(land.id, Event("abandon", code="abandoned"), Operator(), kind="tests.toy")

    with at("effect.after", "count", abandon):
        outcome = land.go()
    assert isinstance(outcome, Abandoned)
    assert land.person.told == [], "A caller was told of an outcome that it did not settle."
    assert rows.steps(land.id)[-1] == ("counting", "abandon", "abandoned")


def test_a_slow_worker_gets_the_outcome_of_the_one_that_took_over(land):
    land = land()

    def take_over():
        land.clock.advance(LEASE)
        assert isinstance(land.engine.recover(land.id, SWEEP), Finished)

    with at("effect.after", "count", take_over):
        outcome = land.go()
    assert isinstance(outcome, Finished)
    assert outcome.replayed, (
        "Somebody else did the work, so the caller was not told in the settle transaction."
    )
    assert land.person.told == []
    assert [step[1] for step in rows.steps(land.id)].count("kept") == 1


def test_a_slow_recovery_loses_to_a_faster_one(land):
    land = land()
    with crash_at("effect.before", "count"):
        land.go()
    land.clock.advance(LEASE)
    with at(
        "effect.before", "count", lambda: (land.clock.advance(LEASE), land.engine.recover(land.id, SWEEP))
    ):
        outcome = land.engine.recover(land.id, SWEEP)
    assert isinstance(outcome, Finished)
    assert [step[1] for step in rows.steps(land.id)] == ["start", "go", "retry", "retry", "counted", "kept"]


# What a machine may declare.


@pytest.mark.parametrize(
    "declared",
    [
        {"lost_answer": LostAnswer.REPEAT},
        {"lost_answer": LostAnswer.REREAD},
        {"lost_answer": LostAnswer.FAIL, "waits_for_rate_limit": True},
    ],
    ids=["repeat", "reread", "patient"],
)
def test_a_machine_that_lacks_the_edge_for_a_repetition_is_refused_when_it_is_registered(declared):
    """Otherwise the first lost answer would find out, in production, with a row left working."""
    with pytest.raises(TypeError, match="counting has no edge for retry"):
        FlowDefinition(make_toy(Counter(), without=["retry"], **declared))


@pytest.mark.parametrize(("event", "state"), [("fail", "counting"), ("expire", "ready")])
def test_a_machine_that_would_leave_a_row_behind_is_refused_when_it_is_registered(event, state):
    with pytest.raises(TypeError, match=f"{state} has no edge for {event}"):
        FlowDefinition(make_toy(Counter(), without=[event], lost_answer=LostAnswer.FAIL))


def test_an_effect_that_gives_up_needs_no_retry():
    FlowDefinition(make_toy(Counter(), without=["retry"], lost_answer=LostAnswer.FAIL))


def test_waiting_outcomes_are_the_machines(land):
    land = land()
    outcome = land.engine.follow(land.id, land.person)
    assert isinstance(outcome, Waits)


def test_a_transaction_that_nobody_can_describe_right_now_is_refused_and_not_a_crash(land, clock):
    """`recover` and `follow` of a waiting row may need the provider, which may be gone."""
    land = land()
    engine = land.engine_with(make_toy(land.counter, undescribed=ProviderUnreachable()))
    for outcome in (
        engine.recover(land.id, SWEEP),
        engine.follow(land.id, land.person),
    ):
        assert isinstance(outcome, Rejected)
        assert outcome.code == "provider_unreachable"
    assert rows.the_row(land.id).state == "ready"
