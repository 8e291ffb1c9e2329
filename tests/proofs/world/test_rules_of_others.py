"""The World's scenarios of what others change at the provider: every invariant holds after every step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stateful_oauth.testing.world import World, step
from stateful_oauth.testing.world.others import CORPUS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("name", CORPUS)
def test_invariants_hold_whatever_others_change(name: str) -> None:
    World.replay(*CORPUS[name])


def test_links_are_made_where_the_management_api_has_a_host_of_its_own() -> None:
    """A token that was got at the issuer's host is worth nothing there, and the other way round."""
    settled = CORPUS["a link is undone elsewhere, and nothing else happens"][0].arguments["configuration"]
    world = World.replay(
        step("settle_in", configuration=replace(settled, management_domain="canonical.example")),
        step("sign_in", browser=0, account=0, faults=()),
        step("sign_in", browser=1, account=1, faults=()),
    )
    assert [row.state for row in world.seen.rows.values() if row.kind == "account_linking"] == ["linked"]
