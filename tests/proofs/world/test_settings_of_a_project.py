"""The World runs on whatever settings a project has; the smallest are those of the README."""

from __future__ import annotations

from typing import ClassVar

import pytest

from stateful_oauth.testing.world import CORPUS, World, prove, step

pytestmark = pytest.mark.django_db(transaction=True)


ENDS = {
    "a sign-in": ("login", "resolving_account", "account_resolved", "signed_in"),
    "an account is connected": ("connect_account", "identifying_account", "account_identified", "connected"),
    "linked without asking": ("account_linking", "resolving_primary", "account_resolved", "linked"),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_project_that_links_nothing_runs_every_scenario(settings, name):
    settings.STATEFUL_OAUTH = {
        "BASE_URL": "https://www.example.com",
        "DOMAIN": "tenant.eu.auth0.com",
        "CLIENT_ID": "web",
        "CLIENT_SECRET": "a-client-secret-of-at-least-32-characters",
    }
    settings.ALLOWED_HOSTS = ["www.example.com"]
    before = World.figures.edges[ENDS[name]]
    World.replay(*CORPUS[name])
    assert World.figures.edges[ENDS[name]] == before + 1


class Odd(World):
    """With a scenario that does not fit together."""

    corpus: ClassVar = {"nobody has come back": (step("settle_in"), step("open_callback", tab=0))}


def test_a_scenario_that_does_not_fit_is_named():
    with pytest.raises(LookupError) as raised:
        prove(Odd, "quick", seconds=0)
    assert "'nobody has come back' of Odd.corpus" in raised.value.__notes__[-1]
