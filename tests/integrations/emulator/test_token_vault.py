"""The Token Vault exchange, and the provider's userinfo behind it: docs/auth0-contract.md §4.5."""

from __future__ import annotations

import pytest

from stateful_oauth.emulator import TOKEN_VAULT
from tests.integrations.emulator.conftest import SECRET

PROVIDER_TOKEN = "http://auth0.com/oauth/token-type/federated-connection-access-token"
REFRESH = "urn:ietf:params:oauth:token-type:refresh_token"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"


def error(reply):
    return reply.status_code, reply.json()["error"]


def userinfo(me, token, connection="google-oauth2"):
    return me.desk.call("GET", f"/_provider/{connection}/userinfo", token)


def test_the_vaults_reply_has_the_members_of_the_contract(me):
    account = me.connect()["id"]
    reply = me.exchange()
    body = reply.json()
    assert reply.status_code == 200
    assert set(body) == {"access_token", "scope", "expires_in", "issued_token_type", "token_type"}
    assert (body["issued_token_type"], body["token_type"]) == (PROVIDER_TOKEN, "Bearer")
    assert (body["scope"], body["expires_in"]) == ("openid profile email", 3600)
    assert TOKEN_VAULT == (
        "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"
    )
    issued = me.desk.tenant.ledger.last("vault_token_issued", access_token=body["access_token"])
    assert (issued.fields["account"], issued.fields["user_id"]) == (account, "auth0|ada")
    assert body["access_token"] not in repr(issued)


def test_the_providers_token_is_kept_until_it_expires(me):
    me.connect()
    first = me.exchange().json()
    me.desk.tenant.clock.advance(2223)
    again = me.exchange().json()
    assert (again["access_token"], again["expires_in"]) == (first["access_token"], 1377)
    me.desk.tenant.clock.advance(1377)
    assert me.exchange().json()["access_token"] != first["access_token"]


def test_who_is_at_the_other_end(me):
    me.connect()
    reply = userinfo(me, me.exchange().json()["access_token"])
    assert reply.json() == {"sub": "777", "email": "eve@gmail.com", "email_verified": True, "name": "eve"}


def test_userinfo_gives_what_the_scopes_give(me):
    me.connect(scopes=["openid", "profile"])
    assert userinfo(me, me.exchange().json()["access_token"]).json() == {"sub": "777", "name": "eve"}
    me.connect("eve@hub.example", connection="github")
    token = me.exchange(connection="github").json()["access_token"]
    assert userinfo(me, token, "github").json() == {
        "sub": "42",
        "email": "eve@hub.example",
        "email_verified": True,
        "name": "",
    }


def test_the_providers_userinfo_refuses_tokens_of_others(me):
    me.connect()
    token = me.exchange().json()["access_token"]
    assert userinfo(me, token, "github").status_code == 401
    assert userinfo(me, "x").status_code == 401
    assert userinfo(me, None).status_code == 401
    me.desk.tenant.clock.advance(3600)
    assert userinfo(me, token).status_code == 401


def test_deleting_the_account_does_not_revoke_at_the_provider(me):
    account = me.connect()["id"]
    token = me.exchange().json()["access_token"]
    me("DELETE", f"/accounts/{account}")
    assert userinfo(me, token).status_code == 200
    assert error(me.exchange()) == (401, "federated_connection_refresh_token_not_found")


def test_the_vault_refuses_an_account_that_was_never_connected(me):
    reply = me.exchange()
    assert error(reply) == (401, "federated_connection_refresh_token_not_found")
    assert reply.json()["error_description"] == "Federated connection Refresh Token not found."
    assert me.desk.tenant.ledger.count("vault_token_issued") == 0


def test_a_login_never_fills_the_vault(me):
    me.desk.tenant.visitor().authorize(me.desk.location(), "bob@example.com")
    assert me.desk.tenant.connected_accounts("google-oauth2|123") == []


def test_the_vault_refuses_an_account_revoked_at_its_provider(me):
    account = me.connect()["id"]
    token = me.exchange().json()["access_token"]
    me.desk.tenant.vault.revoke_at_provider(account)
    reply = me.exchange()
    assert error(reply) == (401, "federated_connection_refresh_token_flow_failed")
    assert reply.json()["error_description"] == "Refresh Token flow for the Federated Connection failed"
    assert userinfo(me, token).status_code == 401
    me.connect()
    assert me.exchange().status_code == 200


def test_a_provider_that_gives_no_refresh_token(me):
    me.desk.tenant.add_connection("github", refresh_tokens=False)
    me.connect("eve@hub.example", connection="github")
    reply = me.exchange(connection="github")
    assert error(reply) == (401, "federated_connection_refresh_token_not_found")


def test_the_vault_loses_what_expired_or_was_not_used_for_a_year(me):
    me.desk.tenant.settings.session_ttl = me.desk.tenant.settings.refresh_token_ttl = 10**9
    me.refresh_token = me.desk.tokens()["refresh_token"]
    me.connect()
    me.desk.tenant.clock.advance(31_557_599)
    assert me.exchange().status_code == 200
    me.desk.tenant.clock.advance(31_557_600)
    assert error(me.exchange()) == (401, "federated_connection_refresh_token_not_found")


def test_the_week_of_googles_testing_mode(me):
    me.desk.tenant.add_connection("google-oauth2", refresh_token_ttl=604_800)
    me.connect()
    me.desk.tenant.clock.advance(604_800)
    assert error(me.exchange()) == (401, "federated_connection_refresh_token_not_found")


@pytest.mark.parametrize("hint", ["777", "eve@gmail.com"])
def test_login_hint_chooses_among_several_accounts(me, hint):
    me.connect("eve@gmail.com")
    me.connect("ada@gmail.com")
    token = me.exchange(login_hint=hint).json()["access_token"]
    assert userinfo(me, token).json()["sub"] == "777"


def test_the_vault_without_a_hint_takes_the_latest_account(me):
    me.connect("ada@gmail.com")
    me.connect("eve@gmail.com")
    assert userinfo(me, me.exchange().json()["access_token"]).json()["sub"] == "777"


def test_the_vault_refuses_a_hint_that_matches_no_account(me):
    me.connect()
    reply = me.exchange(login_hint="nobody@gmail.com")
    assert error(reply) == (401, "user_not_found")
    assert reply.json()["error_description"] == "Identity User not found."


def test_a_dead_auth0_refresh_token_is_403_invalid_grant(me):
    me.connect()
    me.desk.tenant.revoke_refresh_tokens("auth0|ada")
    assert error(me.exchange()) == (403, "invalid_grant")
    assert error(me.exchange(subject_token="x")) == (403, "invalid_grant")


def test_a_refresh_token_of_another_client(me):
    me.connect()
    me.desk.tenant.allow_connected_accounts("other")
    assert error(me.exchange(client_id="other")) == (403, "invalid_grant")


def test_the_vault_refuses_when_a_precondition_is_missing(me):
    me.connect()
    client = me.desk.tenant.clients["web"]
    client.rotation = True
    assert error(me.exchange()) == (403, "unauthorized_client")
    client.rotation, client.first_party = False, False
    assert error(me.exchange()) == (403, "unauthorized_client")
    client.first_party, client.grant_types = True, ("authorization_code", "refresh_token")
    reply = me.exchange()
    assert error(reply) == (403, "unauthorized_client")
    assert TOKEN_VAULT in reply.json()["error_description"]


def test_a_public_client_has_no_vault(me):
    me.connect()
    me.desk.tenant.add_client(client_id="spa", grant_types=[TOKEN_VAULT])
    reply = me.exchange(client_id="spa", client_secret=None)
    assert error(reply) == (403, "unauthorized_client")


def test_the_vault_demands_mfa_when_it_is_always_on(me):
    me.connect()
    me.desk.tenant.settings.mfa_always = True
    reply = me.exchange()
    assert error(reply) == (401, "mfa_required")
    assert reply.json()["mfa_token"].startswith("Fe26")


@pytest.mark.parametrize(
    "params",
    [
        {"connection": None},
        {"subject_token": None},
        {"subject_token_type": None},
        {"subject_token_type": "urn:x"},
        {"requested_token_type": None},
        {"requested_token_type": ACCESS},
    ],
)
def test_the_vault_refuses_bad_parameters_with_400(me, params):
    assert error(me.exchange(**params)) == (400, "invalid_request")


def access_token(me):
    return me.desk.tokens(audience="https://api.example/", scope="openid read:things")["access_token"]


def test_an_access_token_needs_a_custom_api_client(me):
    me.connect()
    subject = {"subject_token": access_token(me), "subject_token_type": ACCESS}
    assert error(me.exchange(**subject)) == (403, "access_denied")
    me.desk.tenant.clients["web"].resource_server = "https://api.example/"
    assert me.exchange(**subject).status_code == 200
    me.desk.tenant.clients["web"].resource_server = "https://another.example/"
    assert error(me.exchange(**subject)) == (403, "invalid_grant")


def test_tokenset_not_found_for_an_access_token(me):
    me.desk.tenant.clients["web"].resource_server = "https://api.example/"
    subject = {"subject_token": access_token(me), "subject_token_type": ACCESS}
    assert error(me.exchange(**subject)) == (401, "tokenset_not_found")
    me.desk.tenant.delete_user("auth0|ada")
    assert error(me.exchange(**subject)) == (401, "user_not_found")


def test_json_bodies_as_auth0_python_sends_them(me):
    me.connect()
    reply = me.desk.post(
        "/oauth/token",
        as_json=True,
        grant_type=TOKEN_VAULT,
        subject_token=me.refresh_token,
        subject_token_type=REFRESH,
        requested_token_type=PROVIDER_TOKEN,
        connection="google-oauth2",
    )
    assert reply.status_code == 200


def test_nulls_in_json_are_absent_parameters(me):
    me.connect()
    sent = {
        "client_id": "web",
        "client_secret": SECRET,
        "grant_type": TOKEN_VAULT,
        "subject_token": me.refresh_token,
        "subject_token_type": REFRESH,
        "requested_token_type": PROVIDER_TOKEN,
        "connection": "google-oauth2",
        "login_hint": None,
    }
    assert me.desk.http.post(me.desk.url("/oauth/token"), json=sent, timeout=5).status_code == 200


def test_the_reply_hook_changes_the_vaults_reply(me):
    me.connect()
    me.desk.tenant.token_reply_hook = lambda body: body.pop("scope")
    assert "scope" not in me.exchange().json()
