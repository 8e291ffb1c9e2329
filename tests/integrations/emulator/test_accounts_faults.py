"""Faults on the My Account, Management and provider endpoints, and the issuer that takes the APIs along."""

from __future__ import annotations

import pytest
import requests

from stateful_oauth.emulator import EmulatorServer, Tenant

CONNECT, COMPLETE = "/me/v1/connected-accounts/connect", "/me/v1/connected-accounts/complete"


def test_a_lost_answer_of_complete_connects_and_the_list_tells(me):
    started = me.start()
    code = me.choose(started)
    me.desk.tenant.faults.add(COMPLETE, "lost_answer")
    with pytest.raises(requests.ReadTimeout):
        me.complete(started, code)
    assert me.desk.tenant.ledger.count("connect_completed", code=code) == 1
    assert me.complete(started, code).status_code == 409
    found = me("GET", "/accounts", connection="google-oauth2").json()["accounts"]
    assert [account["created_at"] for account in found] == ["2027-01-15T08:00:00.000Z"]


def test_a_lost_request_of_complete_connects_nothing(me):
    started = me.start()
    code = me.choose(started)
    me.desk.tenant.faults.add(COMPLETE, "lost_request")
    with pytest.raises(requests.ConnectionError):
        me.complete(started, code)
    assert me("GET", "/accounts").json() == {"accounts": []}
    assert me.complete(started, code).status_code == 201


def test_a_lost_answer_of_link_links(admin):
    path = "/api/v2/users/{id}/identities"
    body = {"provider": "google-oauth2", "user_id": "123"}
    fault = admin.desk.tenant.faults.add(path, "lost_answer")
    with pytest.raises(requests.ReadTimeout):
        admin("POST", "/users/auth0|ada/identities", body)
    assert fault.fired == 1
    assert admin.desk.tenant.requests[path] == 1
    assert admin("POST", "/users/auth0|ada/identities", body).status_code == 409
    assert len(admin.user("auth0|ada")["identities"]) == 2


@pytest.mark.parametrize(("effect", "deleted"), [(False, 0), (True, 1)])
def test_5xx_before_and_after_the_effect(admin, effect, deleted):
    admin.desk.tenant.faults.add("/api/v2/users/{id}", "server_error", method="DELETE", effect=effect)
    reply = admin("DELETE", "/users/auth0|ada")
    assert (reply.status_code, reply.json()["statusCode"]) == (503, 503)
    assert reply.json()["error"] == "Service Unavailable"
    assert admin.desk.tenant.ledger.count("user_deleted") == deleted


def test_each_api_has_its_own_bodies_for_faults(me, admin):
    tenant = me.desk.tenant
    tenant.faults.add("*", "rate_limit", times=3, reset=17.5)
    management, mine, token = admin("GET", "/users"), me("GET", "/accounts"), me.exchange()
    assert [reply.status_code for reply in (management, mine, token)] == [429] * 3
    assert management.json()["errorCode"] == token.json()["error"] == "too_many_requests"
    assert mine.json()["type"].endswith("A0E-429-0003")
    assert mine.headers["retry-after"] == "18"
    assert mine.headers["x-ratelimit-reset"] == "1800000017"
    assert not {"retry-after", "Retry-After"} & {*management.headers, *token.headers}
    tenant.faults.add("/me/*", "server_error", status=500)
    assert me("GET", "/accounts").json()["status"] == 500
    tenant.faults.add("/api/v2/*", "html")
    assert admin("GET", "/users").headers["Content-Type"] == "text/html"


def test_faults_choose_by_method_and_by_any_text_of_the_request(me, admin):
    tenant = me.desk.tenant
    tenant.faults.add(CONNECT, "server_error", match={"connection": "github"})
    assert me.start(scopes=["openid", "profile"]).status_code == 201
    assert me.start(connection="github", scopes=["repo"]).status_code == 503
    tenant.faults.add("/api/v2/users/{id}", "server_error", method="PATCH", match={"id": "auth0|ada"})
    assert admin("GET", "/users/auth0|ada").status_code == 200
    body = {"user_metadata": {"a": 1}}
    assert admin("PATCH", "/users/google-oauth2|123", body).status_code == 200
    assert admin("PATCH", "/users/auth0|ada", body).status_code == 503
    tenant.faults.add("/oauth/token", "lost_answer", match={"connection": "google-oauth2"})
    assert me.desk.refresh(me.refresh_token).status_code == 200
    with pytest.raises(requests.ReadTimeout):
        me.exchange()


def test_any_answer_for_instance_a_conflict(me):
    problem = {"type": "https://auth0.com/api-errors#A0E-409-0001", "status": 409, "title": "Conflict"}
    started = me.start()
    code = me.choose(started)
    me.desk.tenant.faults.add(COMPLETE, "answer", status=409, json=problem, effect=True)
    assert me.complete(started, code).json() == problem
    assert me.desk.tenant.ledger.count("account_connected") == 1


def test_a_fault_at_the_provider_of_an_account_is_played(me):
    me.connect()
    token = me.exchange().json()["access_token"]
    me.desk.tenant.faults.add("/_provider/*", "server_error")
    path = "/_provider/google-oauth2/userinfo"
    assert [me.desk.call("GET", path, token).status_code for _ in range(2)] == [503, 200]
    assert me.desk.tenant.requests["/_provider/{connection}/userinfo"] == 2


def test_a_new_issuer_takes_the_apis_and_grants_along():
    tenant = Tenant(issuer="https://before.example/")
    client = tenant.add_client(client_id="web", client_secret="s3cret")
    tenant.allow_management("web", ["read:users"])
    tenant.allow_connected_accounts("web", ["read:me:connected_accounts"])
    tenant.add_api("https://before.example/mine/", scopes=["x"])
    with EmulatorServer(tenant) as server:
        audience = f"{server.url}/api/v2/"
        assert set(tenant.apis) == {audience, f"{server.url}/me/", "https://before.example/mine/"}
        assert client.refresh_policies == {f"{server.url}/me/": ("read:me:connected_accounts",)}
        body = {
            "grant_type": "client_credentials",
            "client_id": "web",
            "client_secret": "s3cret",
            "audience": audience,
        }
        token = requests.post(f"{server.url}/oauth/token", json=body, timeout=5).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(f"{server.url}/api/v2/users", headers=headers, timeout=5).json() == []
        encoded = f"{server.url}/api/v2/users/samlp%7Ca%2Fb"
        assert requests.get(encoded, headers=headers, timeout=5).status_code == 404


def test_accounts_of_the_emulator_can_be_set_up_in_python():
    tenant = Tenant()
    tenant.add_client(client_id="web")
    ada = tenant.add_user(email="ada@example.com", user_id="ada")
    tenant.add_connection("github", scopes=["repo"])
    tenant.add_user(email="ada@hub.example", connection="github", user_id="7", signed_up=False)
    row = tenant.connect_account("auth0|ada", "ada@hub.example")
    assert tenant.connected_accounts(ada) == tenant.connected_accounts("auth0|ada") == [row]
    assert (row.connection, row.provider_user_id, row.email) == ("github", "7", "ada@hub.example")
    assert row.scopes == ("repo",)
    tenant.vault.disconnect(row)
    assert tenant.connected_accounts(ada) == []
    for bad in [("auth0|nobody", "github|7"), ("auth0|ada", "github|8"), ("auth0|ada", "auth0|ada")]:
        with pytest.raises(ValueError, match="cannot be connected"):
            tenant.connect_account(*bad)
    with pytest.raises(ValueError, match="no client"):
        tenant.allow_connected_accounts("nobody")
    with pytest.raises(TypeError, match="wings"):
        tenant.add_connection("github", wings=2)


def test_reset_forgets_the_vault_and_keeps_the_configuration(me):
    me.connect()
    me.desk.tenant.reset()
    assert list(me.desk.tenant.vault) == []
    assert me.desk.tenant.my_account_audience in me.desk.tenant.apis
    assert me.desk.tenant.people.find_account("eve@gmail.com")
