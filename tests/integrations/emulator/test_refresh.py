"""grant_type=refresh_token and /oauth/revoke: docs/auth0-contract.md §4.1, §4.3, §5."""

from __future__ import annotations

import pytest

from tests.integrations.emulator.conftest import API, CALLBACK

ME = "https://tenant.example/me/"
INVALID = {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}


@pytest.fixture
def rotating(desk):
    desk.tenant.clients["web"].rotation = True
    return desk


def test_without_rotation_the_token_stays_and_is_not_sent_again(desk):
    token = desk.tokens()["refresh_token"]
    for _ in range(2):
        reply = desk.refresh(token)
        assert reply.status_code == 200
        assert "refresh_token" not in reply.json()
    claims = desk.claims(reply.json()["id_token"])
    assert not {"nonce", "auth_time", "amr"} & claims.keys()
    assert claims["sid"] == desk.tenant.ledger.last("session_started").fields["sid"]


def test_rotation_gives_a_new_token_each_time(rotating):
    first = rotating.tokens()["refresh_token"]
    second = rotating.refresh(first).json()["refresh_token"]
    third = rotating.refresh(second).json()["refresh_token"]
    assert len({first, second, third}) == 3
    assert rotating.tenant.ledger.count("refresh_rotated") == 2


def test_reuse_kills_the_whole_family(rotating):
    first = rotating.tokens()["refresh_token"]
    second = rotating.refresh(first).json()["refresh_token"]
    reply = rotating.refresh(first)
    assert (reply.status_code, reply.json()) == (403, INVALID)
    assert rotating.refresh(second).json() == INVALID
    ledger = rotating.tenant.ledger
    assert ledger.count("refresh_reused", refresh_token=first) == 1
    assert ledger.count("family_revoked", reason="refresh_reused") == 1


def test_leeway_spares_only_the_immediately_previous_token(rotating):
    rotating.tenant.clients["web"].leeway = 10
    first = rotating.tokens()["refresh_token"]
    second = rotating.refresh(first).json()["refresh_token"]
    assert rotating.refresh(first).status_code == 200
    assert rotating.refresh(second).status_code == 200
    assert rotating.refresh(first).json() == INVALID


def test_leeway_is_over_in_time(rotating):
    rotating.tenant.clients["web"].leeway = 10
    first = rotating.tokens()["refresh_token"]
    rotating.refresh(first)
    rotating.tenant.clock.advance(9)
    assert rotating.refresh(first).status_code == 200
    rotating.tenant.clock.advance(1)
    assert rotating.refresh(first).status_code == 403


def test_rotation_does_not_extend_the_absolute_lifetime(rotating):
    rotating.tenant.clients["web"].refresh_token_ttl = 100
    token = rotating.tokens()["refresh_token"]
    rotating.tenant.clock.advance(99)
    token = rotating.refresh(token).json()["refresh_token"]
    rotating.tenant.clock.advance(1)
    assert rotating.refresh(token).json() == INVALID


def test_a_refresh_token_is_bound_to_its_client(desk):
    token = desk.tokens()["refresh_token"]
    assert desk.refresh(token, client_id="other").json() == INVALID
    assert desk.refresh("made-up").json() == INVALID
    assert desk.refresh(token).status_code == 200


def test_refreshing_for_deleted_and_blocked_users_is_403(desk):
    token = desk.tokens()["refresh_token"]
    desk.tenant.block_user("auth0|ada")
    assert desk.refresh(token).status_code == 403
    desk.tenant.block_user("auth0|ada", False)
    desk.tenant.delete_user("auth0|ada")
    reply = desk.refresh(token)
    assert (reply.status_code, reply.json()) == (
        403,
        {
            "error": "invalid_grant",
            "error_description": "The refresh_token was generated for a user who doesn't exist anymore.",
        },
    )


def test_mrrt_reaches_the_audiences_of_the_policy(desk):
    desk.tenant.add_api(ME, scopes=["create:me:connected_accounts", "read:me:connected_accounts"])
    desk.tenant.clients["web"].refresh_policies = {ME: ["create:me:connected_accounts"]}
    token = desk.tokens(scope="openid offline_access")["refresh_token"]
    body = desk.refresh(token, audience=ME).json()
    assert "create:me:connected_accounts" in body["scope"].split()
    assert "read:me:connected_accounts" not in body["scope"]
    assert ME in desk.claims(body["access_token"], ME)["aud"]
    narrow = desk.refresh(token, audience=ME, scope="create:me:connected_accounts delete:everything").json()
    assert narrow["scope"] == "create:me:connected_accounts"


@pytest.mark.parametrize(
    "spoil", ["unknown", "no policy", "third party", "not refreshable", "consent not skipped"]
)
def test_a_refresh_for_several_audiences_narrows_silently(desk, spoil):
    client = desk.tenant.clients["web"]
    api = desk.tenant.add_api(ME, scopes=["read:me"])
    client.refresh_policies = {} if spoil == "no policy" else {ME: ["read:me"]}
    client.first_party = spoil != "third party"
    api.refreshable = spoil != "not refreshable"
    api.skip_consent = spoil != "consent not skipped"
    token = desk.tokens(scope="openid read:things offline_access", audience=API)["refresh_token"]
    reply = desk.refresh(token, audience="https://nothing/" if spoil == "unknown" else ME, scope="read:me")
    assert reply.status_code == 200
    claims = desk.claims(reply.json()["access_token"], API)
    assert "read:me" not in claims["scope"]


def test_the_oldest_of_200_live_tokens_goes_silently(desk):
    desk.tenant.settings.refresh_tokens_per_user = 3
    tokens = [desk.tokens()["refresh_token"] for _ in range(4)]
    assert [desk.refresh(token).status_code for token in tokens] == [403, 200, 200, 200]


@pytest.mark.parametrize("as_json", [True, False])
def test_revoke_is_200_and_empty_and_repeatable(desk, as_json):
    token = desk.tokens()["refresh_token"]
    for _ in range(2):
        reply = desk.post("/oauth/revoke", as_json=as_json, token=token)
        assert (reply.status_code, reply.content) == (200, b"")
    assert desk.refresh(token).json() == INVALID
    assert desk.tenant.ledger.count("refresh_revoked", refresh_token=token) == 1


def test_revoke_of_unknown_or_foreign_tokens_changes_nothing(desk):
    token = desk.tokens()["refresh_token"]
    assert desk.post("/oauth/revoke", token="made-up").status_code == 200
    assert desk.post("/oauth/revoke", token=token, client_id="other").status_code == 200
    assert desk.refresh(token).status_code == 200


def test_revoke_can_take_the_grant_too(desk):
    first, second = desk.tokens()["refresh_token"], desk.tokens()["refresh_token"]
    desk.post("/oauth/revoke", token=first)
    assert desk.refresh(second).status_code == 200
    desk.tenant.settings.revoke_deletes_grant = True
    third = desk.tokens()["refresh_token"]
    desk.post("/oauth/revoke", token=third)
    assert desk.refresh(second).status_code == 403
    assert desk.tenant.ledger.count("grant_revoked") == 1


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"token": None}, 400, "invalid_request"),
        ({"token": "x", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"token": "x", "client_id": None}, 401, "invalid_client"),
    ],
)
def test_a_revocation_that_breaks_a_rule_has_its_error(desk, params, status, code):
    desk.tenant.settings.wrong_secret_error = "invalid_client"
    reply = desk.post("/oauth/revoke", **params)
    assert (reply.status_code, reply.json()["error"]) == (status, code)


def test_public_clients_need_no_secret(desk):
    desk.tenant.add_client(client_id="spa", callbacks=[CALLBACK], rotation=True)
    body = desk.exchange(desk.code(client_id="spa"), client_id="spa", client_secret=None).json()
    assert desk.refresh(body["refresh_token"], client_id="spa", client_secret=None).status_code == 200
