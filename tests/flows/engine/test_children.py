"""A transaction that another one opens: both are there, or neither is. With toys, without OAuth."""

from __future__ import annotations

import pytest

from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.crash_points import observed
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.outcomes import Failed, InProgress, Rejected
from stateful_oauth.flows.engine.registry import FlowRegistry
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from stateful_oauth.storage.store import DjangoTransactionStore
from tests.support import rows
from tests.support.callers import Person
from tests.support.crashes import at, crash_at
from tests.support.toy import Bug, Counter, Finished, refuse
from tests.support.toy_family import CHILD, Family, make_family

pytestmark = [pytest.mark.database, pytest.mark.django_db]

LEASE = 25  # seconds: the toys' time limit and the margin
SWEEP = SystemCaller()
# Every place that a birth passes, with what is there after a crash: states of parent and child.
PLACES = {
    ("claim.before_commit", "go"): ("ready", None),
    ("claim.after_commit", "go"): ("bearing", None),
    ("effect.before", "bear"): ("bearing", None),
    ("effect.after", "bear"): ("bearing", None),
    ("settle.before_commit", "born"): ("bearing", None),
    ("settle.after_commit", "born"): ("handed_over", "growing"),
    ("effect.before", "grow"): ("handed_over", "growing"),
    ("effect.after", "grow"): ("handed_over", "growing"),
    ("settle.before_commit", "grown"): ("handed_over", "growing"),
    ("settle.after_commit", "grown"): ("handed_over", "grown_up"),
}


@pytest.fixture
def family(clock):
    return Family(clock)


def state(kind: str) -> str | None:
    return FlowTransaction.objects.filter(kind=kind).values_list("state", flat=True).first()


def child() -> FlowTransaction:
    return FlowTransaction.objects.get(kind=CHILD)


def recover_all(family: Family) -> None:
    family.clock.advance(LEASE)
    for id_ in list(FlowTransaction.objects.values_list("pk", flat=True)):
        family.engine.recover(id_, SWEEP)
    for id_ in list(FlowTransaction.objects.filter(kind=CHILD).values_list("pk", flat=True)):
        family.engine.recover(id_, SWEEP)


def test_the_places_are_those_that_a_birth_passes(family):
    passed: list[tuple[str, str]] = []
    with observed(lambda *place: passed.append(place)):
        family.go()
    assert passed == list(PLACES)


def test_the_engine_goes_on_with_the_child_in_the_same_request(family):
    outcome = family.go()
    assert isinstance(outcome, Finished)
    assert (outcome.kind, outcome.transaction_id, outcome.next_url) == (CHILD, child().pk, "/child/")
    assert not outcome.replayed
    # Whoever went is told of both: the parent that is over, and the child.
    assert [type(each).__name__ for each in family.person.told] == ["HandedOver", "Finished"]
    assert rows.steps(child().pk) == [
        ("created", "start", "growing"),
        ("growing", "grown", "keeping"),
        ("keeping", "kept", "grown_up"),
    ]


def test_a_child_belongs_to_its_parents_browser_and_has_a_state_of_its_own(family):
    with crash_at("effect.before", "grow"):
        family.go()
    parent, born = rows.the_row(family.id), child()
    assert bytes(born.browser) == bytes(parent.browser) == family.person.browser
    assert born.tenant == parent.tenant
    assert bytes(born.state_digest) != bytes(parent.state_digest)
    loaded = DjangoTransactionStore().load(born.pk)
    assert loaded is not None
    assert loaded.secrets["name"].reveal() == "the child's name"
    stranger = family.engine.follow(born.pk, Person("eve's"))
    assert (type(stranger), stranger.code) == (Rejected, "transaction_unknown")


@pytest.mark.parametrize(("place", "there"), PLACES.items(), ids=map(" of ".join, PLACES))
def test_a_crash_leaves_both_or_neither_and_recovery_goes_on_with_the_child(family, place, there):
    with crash_at(*place):
        family.go()
    assert (state("tests.parent"), state(CHILD)) == there
    assert TransitionRecord.objects.filter(transaction__kind=CHILD).exists() == (there[1] is not None)
    if there[0] == "ready":
        family.go()
    recover_all(family)
    assert (state("tests.parent"), state(CHILD)) == ("handed_over", "grown_up")
    assert FlowTransaction.objects.count() == 2, "A repeated birth made twins."


def test_a_second_delivery_gets_what_came_of_the_child(family):
    first = family.go()
    again = family.go()
    assert isinstance(again, Finished)
    assert again.replayed
    assert again.transaction_id == first.transaction_id


def test_a_second_delivery_while_the_child_works_is_sent_to_wait_for_it(family):
    with crash_at("effect.before", "grow"):
        family.go()
    again = family.go()
    assert isinstance(again, InProgress)
    assert again.transaction_id == child().pk, "The page that waits must follow the child: it is what is due."
    family.clock.advance(LEASE)
    assert isinstance(family.engine.follow(child().pk, family.person), Finished)


def test_a_birth_whose_fence_is_lost_leaves_no_child(family):
    def take_over():
        family.clock.advance(LEASE)
        assert isinstance(family.engine.recover(family.id, SWEEP), Finished)

    with at("effect.after", "bear", take_over):
        outcome = family.go()
    assert isinstance(outcome, Finished)
    assert outcome.replayed
    assert FlowTransaction.objects.filter(kind=CHILD).count() == 1, "The late worker left a child of its own."
    assert family.person.told == []


def test_a_child_that_this_release_does_not_know_is_quarantined_and_not_a_crash(family):
    with crash_at("effect.before", "grow"):
        family.go()
    parent, newer = make_family(family.counter, child_version=2)
    engine = family.engine_of(parent, newer)
    family.clock.advance(LEASE)
    for outcome in (
        engine.recover(child().pk, SWEEP),
        engine.dispatch(family.id, Event("go"), family.person, kind="tests.parent"),
        engine.follow(family.id, family.person),
    ):
        assert isinstance(outcome, Rejected)
        assert outcome.code == "quarantined"
    assert state(CHILD) == "growing", "What nobody can read is left as it is."


def test_a_child_of_a_flow_that_this_release_does_not_have_is_not_born(family):
    """The parent fails with a code: it must not be left working, and not be over without its child."""
    parent, _ = make_family(family.counter)
    engine = family.engine_of(parent)
    outcome = engine.dispatch(family.id, Event("go"), family.person, kind="tests.parent")
    assert isinstance(outcome, Failed)
    assert outcome.code == "quarantined"
    assert state("tests.parent") == "failed"
    assert state(CHILD) is None


def test_a_registry_without_the_child_can_still_tell_of_a_finished_parent(family):
    family.go()
    parent, _ = make_family(Counter())
    outcome = family.engine_of(parent).follow(family.id, family.person)
    assert (type(outcome), outcome.code) == (Rejected, "quarantined")


def test_registering_two_flows_of_one_kind_is_refused():
    parent, growing = make_family(Counter())
    other, _ = make_family(Counter())
    with pytest.raises(TypeError, match="Two flows"):
        FlowRegistry(parent, growing, other)


# A failure that goes on with a local effect.


def test_a_failure_may_go_on_with_a_local_effect(family):
    family.counter.troubles = ["refused"]
    assert isinstance(family.go(), Finished)
    assert rows.steps(child().pk)[1:] == [("growing", "fail", "keeping"), ("keeping", "kept", "grown_up")]


def test_a_mistake_in_an_effect_leaves_no_row_before_a_local_effect(family):
    """A local effect is run by nobody later: a row that stands before one is nobody's to move."""
    family.counter.troubles = ["bug"]
    with pytest.raises(Bug):
        family.go()
    assert state(CHILD) == "failed", rows.show(child().pk)
    assert child().code == "internal_error"
    rows.nothing_working()


def test_a_refusal_of_the_local_effect_after_a_failure_is_the_end(family):
    family.counter.troubles = ["refused"]
    family.counter.keeps = refuse
    outcome = family.go()
    assert isinstance(outcome, Failed)
    assert outcome.code == "account_inactive"


def test_a_settlement_that_is_refused_and_whose_failure_is_refused_too_comes_to_an_end(family):
    """First the caller refuses what came of it, then the local effect refuses what is to be done instead."""
    from stateful_oauth.flows.oauth.errors import AccountRefused

    class Choosy(Person):
        def settled(self, outcome):
            super().settled(outcome)
            if isinstance(outcome, Finished):
                family.counter.keeps = refuse
                raise AccountRefused("account_refused")

    outcome = family.go(Choosy())
    assert isinstance(outcome, Failed), outcome
    assert outcome.code == "account_inactive"
    rows.nothing_working()


def test_a_caller_that_refuses_everything_leaves_no_row_working(family):
    from stateful_oauth.flows.oauth.errors import AccountRefused

    class Never(Person):
        def settled(self, outcome):
            if outcome.kind == CHILD:
                raise AccountRefused("account_refused")

    outcome = family.go(Never())
    assert isinstance(outcome, Rejected)
    assert (state(CHILD), child().code) == ("failed", "internal_error")
    rows.nothing_working()
