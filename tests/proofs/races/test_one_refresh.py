"""Ten workers need an access token of one grant at the same moment: one of them refreshes it."""

from __future__ import annotations

import threading

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.flows.oauth.access_tokens import AccessTokens
from stateful_oauth.storage.grants import DjangoGrantStore
from stateful_oauth.storage.models import Grant
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import prepare, site
from tests.support.together import together

pytestmark = pytest.mark.database

WORKERS = 10
rotations = pytest.mark.parametrize("rotation", [True, False], ids=["rotation", "no rotation"])


class LockstepGrants(DjangoGrantStore):
    """The worst moment, every time: all workers read the grant before any of them may claim it."""

    def __init__(self) -> None:
        self._all_have_read = threading.Barrier(WORKERS)
        self._seen = threading.local()

    def load(self, grant_id):
        grant = super().load(grant_id)
        if not getattr(self._seen, "before", False):
            self._seen.before = True
            self._all_have_read.wait(30)
        return grant


class UnfencedGrants(LockstepGrants):
    """A negative control: a store whose claim everybody gets."""

    def claim(self, grant, *, until):
        return grant


@pytest.fixture
def grant(tenant, rotation):
    prepare(tenant).clients["web"].rotation = rotation
    with site(LINKING="off", REFRESH_TOKEN_ROTATION=rotation):
        browser = Browser(tenant)
        browser.sign_in("ada@example.com")
        tenant.requests.clear()
        yield browser.client.session["stateful_oauth"]["grant"]


def at_once(store, grant, *, scopes=("",) * WORKERS):
    tokens = AccessTokens(store, wiring.provider, wiring.clock, patience=20)
    return together([
        lambda scope=scope: tokens.access_token(grant, scope=scope, time_limit=10) for scope in scopes
    ])  # fmt: skip


@pytest.mark.security("S15", "B24")
@rotations
@pytest.mark.parametrize("round_", range(3))
def test_one_refresh_serves_all_who_ask_at_once(tenant, grant, rotation, round_):
    tokens = at_once(LockstepGrants(), grant)
    assert tenant.requests["/oauth/token"] == 1, "More than one worker sent the refresh token."
    assert len({token.value.reveal() for token in tokens}) == 1
    assert tenant.ledger.count("refresh_reused") == tenant.ledger.count("family_revoked") == 0
    row = Grant.objects.get(pk=grant)
    assert (row.claimed_until, row.ended_at) == (None, None)


@pytest.mark.security("S15", "B25")
@rotations
def test_one_after_the_other_where_they_need_different_tokens(tenant, grant, rotation):
    scopes = ["openid", "profile", "email", "openid profile", "openid email", "profile email"]
    scopes += ["openid", "profile", "email", "openid profile email"]
    tokens = at_once(LockstepGrants(), grant, scopes=scopes)
    assert tenant.requests["/oauth/token"] == len(set(scopes)) == 7
    assert [set(token.scope.split()) for token in tokens] == [set(scope.split()) for scope in scopes]
    assert tenant.ledger.count("refresh_reused") == tenant.ledger.count("family_revoked") == 0


@pytest.mark.parametrize("rotation", [True])
def test_without_the_fence_the_family_would_be_revoked(tenant, grant, rotation):
    """A test of the tests: this is what they are there to notice."""
    with pytest.raises(ExceptionGroup):
        at_once(UnfencedGrants(), grant)
    assert tenant.ledger.count("refresh_reused") > 0
    assert tenant.ledger.count("family_revoked") == 1
