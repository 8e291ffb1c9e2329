"""Bounded attempts with pauses, and then an operator: what the sweeps make of what effects declare."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.flows.engine.effects import LostAnswer
from tests.support import rows
from tests.support.callers import Operator
from tests.support.toy import Counter, Toyland, make_toy

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def toyland(clock, monkeypatch):
    """The engine of a toy, as the one of this process."""

    class Replaced:
        def __init__(self, value):
            self._value = value

        def __call__(self):
            return self._value

        def cache_clear(self):
            """Nothing is kept."""

    def make(*troubles, **declared):
        counter = Counter([*troubles])
        world = Toyland(make_toy(counter, **declared), counter, clock)
        monkeypatch.setattr(wiring, "engine", Replaced(world.engine))
        return world

    return make


def counts() -> dict[str, int]:
    return {name: number for name, number in recover_due().counts.items() if number}


def test_a_rate_limit_is_waited_for(toyland, clock):
    world = toyland("busy", waits_for_rate_limit=True)
    world.go()
    clock.advance(299)
    assert counts() == {}, "The provider said when it takes requests again."
    clock.advance(1)
    assert counts() == {"recovered": 1}
    assert rows.the_row(world.id).state == "done"


def test_a_rate_limit_again_is_waited_for_again(toyland, clock):
    world = toyland("busy", "busy", waits_for_rate_limit=True)
    world.go()
    clock.advance(300)
    assert counts() == {"postponed": 1}
    assert counts() == {}
    clock.advance(300)
    assert counts() == {"recovered": 1}
    assert rows.the_row(world.id).state == "done"


@pytest.mark.parametrize("lost_answer", [LostAnswer.REPEAT, LostAnswer.REREAD])
def test_an_insisting_effect_is_tried_with_growing_pauses_and_then_left_to_an_operator(
    toyland, clock, lost_answer
):
    world = toyland(*["request lost"] * 5, lost_answer=lost_answer, must_complete=True, max_attempts=5)
    world.go()  # the second attempt follows at once, because a browser may be waiting
    pauses = []
    while (due := rows.the_row(world.id)).stuck_since is None:
        pauses.append((due.lease_until - clock.now()).total_seconds())
        clock.advance(pauses[-1] - 1)
        assert counts() == {}, "Not before its time."
        clock.advance(1)
        assert counts() in ({"postponed": 1}, {"stuck": 1}), rows.show(world.id)
        assert len(pauses) < 10, rows.show(world.id)
    assert pauses == sorted(set(pauses)), pauses
    assert len(pauses) >= 3, pauses

    stuck = rows.the_row(world.id)
    assert (stuck.state, stuck.code) == ("counting", "recovery_exhausted"), rows.show(world.id)
    clock.advance(86_400)
    assert counts() == {"stuck": 1}
    assert rows.the_row(world.id).version == stuck.version, "No sweep touches it."
    wiring.engine().recover(world.id, Operator())
    assert rows.the_row(world.id).state == "done", rows.show(world.id)
    assert world.counter.value == 1
    assert counts() == {}


def test_an_effect_that_does_not_insist_is_given_up(toyland, clock):
    world = toyland(*["request lost"] * 9, max_attempts=3)
    world.go()
    assert rows.the_row(world.id).state == "failed"
    assert counts() == {}
