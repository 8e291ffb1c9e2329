"""A refresh that the tenant denies: what it says of the user, and what becomes of the grant."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.errors import ServiceRefused

pytestmark = [pytest.mark.database, pytest.mark.django_db]

both = pytest.mark.parametrize("rotation", [True, False], ids=["rotation", "no rotation"])


def user_of(grant):
    return grant.tenant.users.by_email("ada@example.com")[0].user_id


def denies(event, api):
    if event.stage == "refresh":
        api.deny("Not on Sundays")


def revokes(event, api):
    if event.stage == "refresh":
        api.revoke_refresh_token("Stolen laptop")


@both
def test_block_that_is_undone_has_not_ended_the_grant(granted, rotation):
    grant = granted(rotation=rotation)
    grant.tenant.block_user(user_of(grant))
    for _ in range(3):
        with pytest.raises(ServiceRefused, match="sign_in_refused"):
            grant.token()
    assert grant.row.ended_at is None
    grant.tenant.block_user(user_of(grant), False)
    assert grant.token().value


@both
def test_block_that_ended_the_tokens_for_good_ends_the_grant_at_the_next_refresh(granted, rotation):
    grant = granted(rotation=rotation)
    grant.tenant.settings.block_ends_refresh_tokens = True
    grant.tenant.block_user(user_of(grant))
    with pytest.raises(ServiceRefused):
        grant.token()
    grant.tenant.block_user(user_of(grant), False)
    with pytest.raises(ServiceRefused, match="grant_dead"):
        grant.token()


@pytest.mark.parametrize("spends", [True, False])
def test_denial_of_an_action_ends_a_grant_that_rotates(granted, spends):
    """The token may be spent, and is not sent again."""
    grant = granted(rotation=True)
    grant.tenant.settings.denial_spends_refresh_token = spends
    grant.tenant.action = denies
    with pytest.raises(ServiceRefused, match="sign_in_refused"):
        grant.token()
    assert grant.end == ("sign_in_refused", True)
    assert grant.tenant.ledger.count("refresh_reused") == 0


def test_denial_of_an_action_leaves_a_grant_that_does_not_rotate(granted):
    grant = granted(rotation=False)
    grant.tenant.action = denies
    with pytest.raises(ServiceRefused, match="sign_in_refused"):
        grant.token()
    grant.tenant.action = None
    assert grant.token().value


@both
def test_revocation_by_an_action_ends_the_grant_at_the_next_refresh(granted, rotation):
    grant = granted(rotation=rotation)
    grant.tenant.action = revokes
    with pytest.raises(ServiceRefused, match="sign_in_refused"):
        grant.token()
    grant.tenant.action = None
    with pytest.raises(ServiceRefused, match="grant_dead"):
        grant.token()


WITH_SERVER_ERROR = pytest.mark.parametrize(
    ("error", "code"),
    [
        ("invalid_grant", "grant_dead"),
        ("mfa_required", "step_up_required"),
        ("invalid_client", "client_rejected"),
        ("unauthorized", "sign_in_refused"),
        ("invalid_scope", "scope_not_granted"),
    ],
)


@WITH_SERVER_ERROR
def test_refusal_with_a_server_error_leaves_a_grant_that_does_not_rotate(granted, error, code):
    """It may be alive, whatever the answer says: the next refresh tells."""
    grant = granted(rotation=False)
    grant.tenant.faults.add("/oauth/token", "answer", status=502, json={"error": error})
    with pytest.raises(ServiceRefused, match=code):
        grant.token()
    assert grant.token().value


@WITH_SERVER_ERROR
def test_refusal_with_a_server_error_ends_a_grant_that_rotates(granted, error, code):
    """The token may be spent, and is not sent again."""
    grant = granted(rotation=True)
    grant.tenant.faults.add("/oauth/token", "answer", status=502, json={"error": error})
    with pytest.raises(ServiceRefused, match=code):
        grant.token()
    assert grant.end == (code, True)
    with pytest.raises(ServiceRefused, match="grant_dead"):
        grant.token()
    assert grant.sent == 1


@WITH_SERVER_ERROR
def test_token_vault_with_a_server_error_ends_no_grant(granted, error, code):
    grant = granted(rotation=False)
    grant.tenant.faults.add("/oauth/token", "answer", status=502, json={"error": error})
    with pytest.raises(ServiceRefused):
        wiring.access_tokens().provider_token(grant.id, connection="google-oauth2", time_limit=10)
    assert grant.row.ended_at is None, code
