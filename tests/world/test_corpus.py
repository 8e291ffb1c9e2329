"""The scenarios of the corpus, one test each."""

from __future__ import annotations

import pytest

from stateful_oauth.integrations.django import wiring
from stateful_oauth.integrations.testing.world import World
from stateful_oauth.integrations.testing.world.corpus import CORPUS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("name", CORPUS)
def test_scenario(name):
    world = World.replay(*CORPUS[name])
    print(world.story.told())


def test_zz():
    print("\n".join(World.figures.lines(wiring.flows())))
    print(sorted(World.figures.most.items()))
    print("\n".join(World.figures.never_taken(wiring.flows())))
