"""Access tokens of a grant: kept while they last, under what was asked for, and never with less than that."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.oauth.grants import key_of
from stateful_oauth.storage.grants import end_grant

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db]

API, OTHER = "https://calendar.example/", "https://nobody.example/"
both = pytest.mark.parametrize("rotation", [True, False], ids=["rotation", "no rotation"])


@pytest.fixture
def grant(granted):
    return granted(rotation=True)


def code_of(caught) -> str:
    return caught.value.code


# Kept.


@both
def test_a_token_is_asked_for_once_and_kept(granted, rotation):
    grant = granted(rotation=rotation)
    first = grant.token()
    assert grant.token() == first
    assert grant.sent == 1
    assert grant.tenant.ledger.count("refresh_rotated" if rotation else "refreshed") == 1


@pytest.mark.security("B21", "B22")
@pytest.mark.parametrize(
    ("asked", "again", "same"),
    [
        ((API, "read:events write:events"), (API, "write:events read:events"), True),
        ((API, "read:events"), (API, " read:events  read:events "), True),
        ((API, "read:events"), (API, "read:events write:events"), False),
        ((API, "read:events"), ("", ""), False),
        ((API, ""), (API, "read:events"), False),
    ],
)
def test_it_is_kept_under_what_was_asked_for_with_scopes_in_any_order(grant, asked, again, same):
    first = grant.token(*asked)
    second = grant.token(*again)
    assert (second == first, grant.sent) == (same, 1 if same else 2)
    # And the first one is still there.
    assert grant.token(*asked) == first
    assert grant.sent == (1 if same else 2)


def test_no_scope_can_pass_for_another_audience():
    """A space ends an audience in the key, and no audience has one: a URI has none (RFC 8707 §2)."""
    keys = [key_of("", ""), key_of("a", ""), key_of("a", "b"), key_of("a", "b c"), key_of("a", "c b d")]
    assert len(set(keys)) == len(keys)


@pytest.mark.security("B20")
@both
@pytest.mark.parametrize(("lifetime", "usable"), [(86_400, 86_340), (600, 540), (100, 90), (10, 9)])
def test_it_is_used_until_a_little_before_its_end(granted, clock, rotation, lifetime, usable):
    """A minute before, and never more than a tenth of its lifetime."""
    grant = granted(rotation=rotation)
    grant.tenant.settings.access_token_ttl = lifetime
    first = grant.token()
    clock.advance(usable - 1)
    assert grant.token() == first
    clock.advance(2)
    assert grant.token() != first
    assert grant.sent == 2


@both
@pytest.mark.parametrize(
    "lifetime", [253_402_300_799, 10**30, -1, "soon", float("inf"), float("nan"), True, []]
)
def test_flawed_lifetime_loses_no_refresh_token(granted, clock, rotation, lifetime):
    grant = granted(rotation=rotation)
    grant.tenant.token_reply_hook = lambda body: body.update(expires_in=lifetime)
    assert grant.token()
    clock.advance(31_536_000)
    assert grant.token(), "and the rotated refresh token was kept"
    assert grant.sent == 2
    assert grant.row.ended_at is None


def test_where_the_provider_does_not_say_how_long_it_lasts_five_minutes_are_assumed(grant, clock):
    grant.tenant.token_reply_hook = lambda body: body.pop("expires_in")
    first = grant.token()
    clock.advance(269)
    assert grant.token() == first
    clock.advance(2)
    assert grant.token() != first


def test_those_that_are_over_are_not_kept(grant, clock):
    grant.tenant.settings.access_token_ttl = 100
    grant.token(API, "read:events")
    clock.advance(91)
    grant.token(API, "write:events")
    kept = wiring.access_tokens()._store.load(grant.id).access_tokens
    assert list(kept) == [key_of(API, "write:events")]


# Narrowed.


@both
@pytest.mark.parametrize(
    ("audience", "scope", "code"),
    [
        (API, "read:events delete:events", "scope_not_granted"),  # the application's policy lacks it
        (OTHER, "", "audience_not_granted"),
        (OTHER, "read:events", "audience_not_granted"),
    ],
)
def test_a_token_that_holds_less_is_refused_and_kept_for_nobody(granted, rotation, audience, scope, code):
    """The provider leaves out what may not be had, without a word, and gives the sign-in's own audience."""
    chosen = {"AUTHORIZATION_PARAMETERS": {"audience": API}, "SCOPE": "openid offline_access read:events"}
    grant = granted(rotation=rotation, **chosen)
    for attempt in (1, 2):
        with pytest.raises(ServiceRefused) as caught:
            grant.token(audience, scope)
        assert code_of(caught) == code
        assert grant.sent == attempt, "What was narrowed was kept."
    # The refresh token is fine, and with rotation it is the new one.
    assert grant.token(API, "read:events").scope.split() == ["read:events"]
    assert grant.tenant.ledger.count("family_revoked") == 0


def test_an_opaque_token_for_a_named_api_is_refused(grant):
    """Of a sign-in without an audience: such a token is for the provider itself."""
    with pytest.raises(ServiceRefused) as caught:
        grant.token(OTHER, "read:events")
    assert code_of(caught) == "audience_not_granted"


def test_the_message_names_what_is_missing(grant):
    with pytest.raises(ServiceRefused, match=r"left out delete:events\."):
        grant.token(API, "read:events delete:events")


def test_an_answer_without_a_scope_means_as_asked(grant):
    """RFC 6749 §5.1."""
    grant.tenant.settings.scope_in_reply = False
    assert grant.token(API, "read:events").scope == "read:events"


# Nothing to refresh with.


@pytest.mark.parametrize(
    ("grant_id", "code"),
    [
        (None, "grant_missing"),
        ("", "grant_missing"),
        ("no id", "grant_dead"),
        ("01890000-0000-7000-8000-000000000000", "grant_dead"),
    ],
)
def test_an_access_token_without_a_living_grant_is_refused(tenant, db, grant_id, code):
    with pytest.raises(ServiceRefused) as caught:
        wiring.access_tokens().access_token(grant_id, time_limit=10)
    assert code_of(caught) == code
    assert tenant.requests["/oauth/token"] == 0


def test_a_grant_that_was_ended_here_is_not_sent(grant, clock):
    end_grant(grant.id, now=clock.now())
    with pytest.raises(ServiceRefused) as caught:
        grant.token()
    assert (code_of(caught), grant.sent) == ("grant_dead", 0)


@pytest.mark.security("B27")
@both
def test_a_grant_that_is_over_at_the_provider_ends_here_too(granted, rotation):
    grant = granted(rotation=rotation)
    grant.tenant.revoke_refresh_tokens(grant.row.identity.subject)
    for _ in range(2):
        with pytest.raises(ServiceRefused) as caught:
            grant.token()
        assert code_of(caught) == "grant_dead"
    assert grant.sent == 1, "A dead refresh token was sent again."
    assert grant.end == ("grant_dead", True)


@pytest.mark.security("B27")
def test_a_refusal_of_the_application_does_not_end_the_grant(grant):
    body = {"error": "invalid_client"}
    grant.tenant.faults.add("/oauth/token", "answer", status=401, json=body)
    with pytest.raises(ServiceRefused) as caught:
        grant.token()
    assert code_of(caught) == "client_rejected"
    assert grant.row.claimed_until is None
    assert grant.token()


def test_step_up_does_not_end_the_grant(grant):
    body = {"error": "mfa_required", "error_description": "Multifactor authentication required"}
    grant.tenant.faults.add("/oauth/token", "answer", status=403, json=body)
    with pytest.raises(ServiceRefused) as caught:
        grant.token()
    assert code_of(caught) == "step_up_required"
    assert grant.token()


# Token Vault.


def test_token_vault_is_not_asked_where_refresh_tokens_rotate(grant):
    with pytest.raises(ServiceRefused, match="turn it off") as caught:
        wiring.access_tokens().provider_token(grant.id, connection="google-oauth2", time_limit=10)
    assert (code_of(caught), grant.sent) == ("token_vault_refused", 0)


def test_asking_the_token_vault_spends_no_refresh_token(granted):
    grant = granted(rotation=False)
    grant.tenant.add_user(email="ada@gmail.com", connection="google-oauth2", signed_up=False)
    grant.tenant.connect_account(grant.row.identity.subject, "ada@gmail.com")
    before = grant.row.version
    token = wiring.access_tokens().provider_token(grant.id, connection="google-oauth2", time_limit=10)
    assert token.value.reveal()
    assert grant.row.version == before
    assert grant.token()


def test_a_grant_that_token_vault_calls_dead_ends(granted):
    grant = granted(rotation=False)
    grant.tenant.revoke_refresh_tokens(grant.row.identity.subject)
    with pytest.raises(ServiceRefused) as caught:
        wiring.access_tokens().provider_token(grant.id, connection="google-oauth2", time_limit=10)
    assert code_of(caught) == "grant_dead"
    assert grant.end == ("grant_dead", True)


def test_an_account_that_is_not_connected_does_not_end_it(granted):
    grant = granted(rotation=False)
    with pytest.raises(ServiceRefused) as caught:
        wiring.access_tokens().provider_token(grant.id, connection="google-oauth2", time_limit=10)
    assert code_of(caught) == "account_not_connected"
    assert grant.token()
