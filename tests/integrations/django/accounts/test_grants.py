"""Refresh tokens: kept when they were asked for, and encrypted."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import Grant
from tests.support.rows import dump

pytestmark = pytest.mark.database

ADA = "ada@example.com"
OFFLINE = "openid profile email offline_access"


@pytest.fixture
def tokens(tenant):
    """What the token endpoint answered."""
    seen = []
    tenant.token_reply_hook = lambda body: seen.append(dict(body))
    return seen


@pytest.mark.security("B23", "B26")
def test_offline_access_makes_one_grant_of_this_sign_in(browser, tenant, tokens, configure):
    configure(SCOPE=OFFLINE)
    browser.sign_in(ADA)
    grant = Grant.objects.get()
    assert str(grant.user_id) == browser.user_id
    assert str(grant.pk) == browser.client.session["stateful_oauth"]["grant"]
    assert grant.identity.subject == browser.client.session["stateful_oauth"]["sub"]
    assert set(grant.scope.split()) == set(OFFLINE.split())
    assert (grant.tenant, grant.audience, grant.ended_at) == ("default", "", None)


@pytest.mark.security("S16", "B23")
def test_the_refresh_token_is_encrypted_and_in_no_session(browser, tokens, configure):
    configure(SCOPE=OFFLINE)
    browser.sign_in(ADA)
    secret = tokens[0]["refresh_token"]
    assert not [place for place, text in dump().items() if secret in text]
    assert secret not in str(dict(browser.client.session))


@pytest.mark.security("B19")
def test_without_offline_access_there_is_no_grant(browser, tokens):
    """A sign-in works without a refresh token."""
    browser.sign_in(ADA)
    assert "refresh_token" not in tokens[0]
    assert not Grant.objects.exists()
    assert "grant" not in browser.client.session["stateful_oauth"]


def test_a_refresh_token_that_nobody_asked_for_is_not_kept(browser, tenant):
    tenant.token_reply_hook = lambda body: body.update(refresh_token="unasked-for")
    browser.sign_in(ADA)
    assert not Grant.objects.exists()
    assert not [place for place, text in dump().items() if "unasked-for" in text]


@pytest.mark.security("B19")
def test_an_answer_without_scope_means_what_was_asked_for(browser, tenant, configure):
    """RFC 6749 §5.1."""
    tenant.settings.scope_in_reply = False
    configure(SCOPE=OFFLINE)
    browser.sign_in(ADA)
    assert Grant.objects.get().scope == OFFLINE


def test_an_answer_with_less_scope_is_believed(browser, tenant, configure):
    tenant.token_reply_hook = lambda body: body.update(scope="openid")
    configure(SCOPE=OFFLINE)
    browser.sign_in(ADA)
    assert Grant.objects.get().scope == "openid"


def test_the_grant_notes_the_audience_that_was_requested(browser, tenant, configure):
    tenant.add_api("https://api.example/", scopes=["read:notes"], allow_offline_access=True)
    configure(SCOPE=OFFLINE, AUTHORIZATION_PARAMETERS={"audience": "https://api.example/"})
    browser.sign_in(ADA)
    assert Grant.objects.get().audience == "https://api.example/"


@pytest.mark.security("B26")
def test_every_sign_in_has_a_grant_of_its_own(browser, another_browser, configure):
    """Two sessions never share a family."""
    configure(SCOPE=OFFLINE)
    elsewhere = another_browser()
    browser.sign_in(ADA)
    elsewhere.sign_in(ADA)
    grants = {each.client.session["stateful_oauth"]["grant"] for each in (browser, elsewhere)}
    assert grants == {str(pk) for pk in Grant.objects.values_list("pk", flat=True)}
    assert len(grants) == 2


@pytest.mark.security("L15")
def test_a_refused_user_leaves_no_grant(browser, known_user, configure):
    known_user(is_active=False)
    configure(SCOPE=OFFLINE)
    browser.sign_in(ADA)
    assert not Grant.objects.exists()
