"""The World's scenarios of what others change at the provider: every invariant holds after every step."""

from __future__ import annotations

import pytest

from stateful_oauth.testing.world import World
from stateful_oauth.testing.world.others import CORPUS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("name", CORPUS)
def test_invariants_hold_whatever_others_change(name: str) -> None:
    World.replay(*CORPUS[name])
