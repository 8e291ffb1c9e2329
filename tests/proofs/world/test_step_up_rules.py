"""The World's scenarios of step-up take every arrow of it, and every invariant holds after every step."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.storage.models import TransitionRecord
from stateful_oauth.testing.world import World
from stateful_oauth.testing.world.rules_of.step_up import CORPUS

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("name", CORPUS)
def test_scenario_of_a_step_up(name):
    World.replay(*CORPUS[name])


def test_the_scenarios_of_step_up_take_every_edge(monkeypatch):
    taken = set()

    def note(world):
        lines = TransitionRecord.objects.filter(transaction__kind="step_up", rejected=False)
        taken.update(lines.values_list("source", "event", "target"))

    monkeypatch.setattr(World, "every_step", (*World.every_step, note))
    for steps in CORPUS.values():
        World.replay(*steps)
    edges = {(edge.source, edge.event, edge.target) for edge in wiring.flows()["step_up"].edges}
    assert edges - taken == set()
