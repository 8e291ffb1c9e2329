"""The control API for connected accounts and links, and the seeds: routes.control_accounts."""

from __future__ import annotations

from hashlib import sha256

import pytest
import requests

from stateful_oauth.emulator import SeedError, Tenant, seed
from tests.integrations.emulator.conftest import CALLBACK, SECRET, Desk


@pytest.fixture
def control(me):
    def ask(method, path, body=None, **kwargs):
        return me.desk.http.request(method, me.desk.url(f"/_emulator{path}"), json=body, timeout=5, **kwargs)

    return ask


def test_connect_list_revoke_and_disconnect(me, control):
    body = {"user_id": "auth0|ada", "account": "eve@gmail.com", "scopes": ["openid", "profile"]}
    made = control("POST", "/connected_accounts", body)
    assert made.status_code == 201
    account = made.json()
    assert (account["provider_user_id"], account["email"]) == ("777", "eve@gmail.com")
    assert control("GET", "/connected_accounts").json() == {"connected_accounts": [account]}
    assert me.exchange().json()["scope"] == "openid profile"
    revoked = control("POST", f"/connected_accounts/{account['id']}/revoke", {})
    assert revoked.json()["revoked"] is True
    assert me.exchange().json()["error"] == "federated_connection_refresh_token_flow_failed"
    assert control("DELETE", f"/connected_accounts/{account['id']}").status_code == 204
    assert control("DELETE", f"/connected_accounts/{account['id']}").status_code == 404


def test_the_control_api_grants_management_scopes(me, control):
    assert control("POST", "/management_grants", {"client_id": "other", "scopes": ["read:users"]}).json() == {
        "client_id": "other",
        "audience": "https://tenant.example/api/v2/",
        "scopes": ["read:users"],
    }
    assert len(control("GET", "/management_grants").json()["management_grants"]) == 1
    reply = control("POST", "/connected_accounts_grants", {"client_id": "other"})
    assert SECRET not in reply.text
    listed = control("GET", "/connected_accounts_grants").json()["connected_accounts_grants"]
    assert [client["client_id"] for client in listed] == ["web", "other"]


def test_accounts_with_and_without_user(control):
    accounts = control("GET", "/accounts").json()["accounts"]
    assert {"user_id": "github|42", "connection": "github"}.items() <= accounts[-1].items()
    assert "auth0|ada" in [account["user_id"] for account in accounts]


def test_the_control_api_links_and_unlinks_identities(control):
    body = {"provider": "google-oauth2", "user_id": "123"}
    linked = control("POST", "/users/auth0|ada/identities", body)
    assert (linked.status_code, len(linked.json()["identities"])) == (201, 2)
    assert control("POST", "/users/auth0|ada/identities", body).status_code == 409
    fresh = control("DELETE", "/users/auth0|ada/identities/google-oauth2/123")
    assert (fresh.status_code, fresh.json()["user_id"]) == (200, "google-oauth2|123")
    assert control("DELETE", "/users/auth0|ada/identities/google-oauth2/123").status_code == 404
    assert control("POST", "/users/auth0|nobody/identities", body).status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/connected_accounts", {"user_id": "auth0|ada"}),
        ("/connected_accounts", {"user_id": "auth0|nobody", "account": "eve@gmail.com"}),
        ("/connected_accounts", {"user_id": "auth0|ada", "account": "nobody"}),
        ("/connected_accounts_grants", {"client_id": "nobody"}),
        ("/management_grants", {}),
        ("/users/auth0|ada/identities", {"provider": "google-oauth2"}),
        ("/users/auth0|ada/identities", {"provider": "google-oauth2", "user_id": 123}),
    ],
)
def test_what_is_not_understood_is_400(control, path, body):
    reply = control("POST", path, body)
    assert (reply.status_code, list(reply.json())) == (400, ["error"])


def test_the_control_api_shows_settings_and_the_ledger(me, control):
    assert control("PATCH", "/settings", {"search_lag": 0, "rate_limits": True}).status_code == 200
    assert me.desk.tenant.settings.rate_limits
    me.connect()
    found = control("GET", "/ledger", params={"effect": "account_connected"}).json()
    assert (found["count"], found["entries"][0]["provider_user_id"]) == (1, "777")
    listed = control("GET", "").json()["control"]
    assert {"GET /_emulator/ledger", "POST /_emulator/connected_accounts/{id}/revoke"} <= set(listed)


def test_a_document_seeds_it_all():
    tenant = Tenant()
    document = {
        "settings": {"search_lag": 1},
        "connections": [{"name": "github", "scopes": ["repo"], "refresh_tokens": False}],
        "clients": [{"client_id": "web", "client_secret": SECRET, "callbacks": [CALLBACK]}],
        "management_grants": [{"client_id": "web"}],
        "connected_accounts_grants": [{"client_id": "web"}],
        "users": [
            {"email": "ada@example.com", "user_id": "ada"},
            {"email": "ada@hub.example", "connection": "github", "signed_up": False},
        ],
        "connected_accounts": [{"user_id": "auth0|ada", "account": "ada@hub.example"}],
    }
    seed(tenant, document)
    assert tenant.people.connections["github"].refresh_tokens is False
    assert [row.connection for row in tenant.connected_accounts("auth0|ada")] == ["github"]
    with requests.Session() as session:
        desk = Desk(tenant, tenant.mount(session))
        audience = tenant.management_audience
        body = desk.post("/oauth/token", grant_type="client_credentials", audience=audience).json()
        assert "update:users" in body["scope"].split()
    with pytest.raises(SeedError, match="account"):
        seed(tenant, {"connected_accounts": [{"user_id": "auth0|ada", "account": "nobody"}]})


def test_living_families_are_listed_without_their_tokens(me, control):
    """So that a suite in another process can compare them with the tokens that its site holds."""
    refresh_token = me.refresh_token
    (family,) = control("GET", "/families").json()["families"]
    assert family["user_id"] == "auth0|ada"
    assert family["tokens"] == [sha256(refresh_token.encode()).hexdigest()]
    assert refresh_token not in control("GET", "/families").text
    me.desk.http.post(
        me.desk.url("/oauth/revoke"),
        data={"client_id": "web", "client_secret": SECRET, "token": refresh_token},
        timeout=5,
    )
    assert control("GET", "/families").json() == {"families": []}
