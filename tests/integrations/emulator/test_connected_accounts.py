"""Lists, reconnecting, deleting, scopes, and the Management views: docs/auth0-contract.md §7.3 to §7.7."""

from __future__ import annotations

import pytest

from tests.integrations.emulator.conftest import sign_in_to_connect

PROBLEM = "https://auth0.com/api-errors#"


def ids(me, **params):
    return [account["id"] for account in me("GET", "/accounts", **params).json()["accounts"]]


def test_the_list_shows_the_accounts_and_not_who_they_are(me):
    assert me("GET", "/accounts").json() == {"accounts": []}
    made = me.connect()
    assert me("GET", "/accounts").json() == {"accounts": [made]}
    (row,) = me.desk.tenant.connected_accounts("auth0|ada")
    shown = me("GET", "/accounts").text
    assert row.email == "eve@gmail.com"
    assert row.email not in shown
    assert row.provider_user_id not in shown


def test_two_accounts_of_one_connection_are_two_rows(me):
    first, second = me.connect("eve@gmail.com")["id"], me.connect("ada@gmail.com")["id"]
    assert ids(me) == [first, second]


def test_reconnecting_gives_a_new_id_and_replaces_the_old(me):
    first = me.connect()["id"]
    me.desk.tenant.clock.advance(10)
    second = me.connect(scopes=["openid", "profile", "calendar"])
    assert second["id"] != first
    assert ids(me) == [second["id"]]
    assert me.desk.tenant.ledger.count("account_disconnected", account=first, reason="replaced") == 1


def test_users_do_not_see_each_others_accounts(me):
    mine = me.connect()["id"]
    bob = sign_in_to_connect(me.desk, "bob@example.com")
    his = bob.connect()["id"]
    assert (ids(me), ids(bob)) == ([mine], [his])
    assert bob("DELETE", f"/accounts/{mine}").status_code == 204
    assert ids(me) == [mine]


def test_the_list_of_accounts_is_filtered_by_connection(me):
    google, github = me.connect()["id"], me.connect("eve@hub.example", connection="github")["id"]
    assert ids(me, connection="github") == [github]
    assert ids(me, connection=["github", "google-oauth2"]) == [google, github]
    assert ids(me, connection="nothing") == []
    assert me("GET", "/accounts", connection=[f"c{n}" for n in range(21)]).status_code == 400


def connect_many(me, count):
    tenant = me.desk.tenant
    for n in range(count):
        tenant.add_user(email=f"p{n}@gmail.com", connection="google-oauth2", signed_up=False)
    return [tenant.connect_account("auth0|ada", f"p{n}@gmail.com").id for n in range(count)]


def test_pages_of_ten_by_default_and_twenty_at_most(me):
    made = connect_many(me, 25)
    page = me("GET", "/accounts").json()
    assert [account["id"] for account in page["accounts"]] == made[:10]
    page = me("GET", "/accounts", **{"from": page["next"], "take": 20}).json()
    assert [account["id"] for account in page["accounts"]] == made[10:]
    assert "next" not in page
    assert "next" not in me("GET", "/accounts", take=20, **{"from": page.get("next", cursor(me, 5))}).json()


def cursor(me, take):
    return me("GET", "/accounts", take=take).json()["next"]


def test_a_cursor_survives_changes_of_the_list(me):
    made = connect_many(me, 4)
    after_two = cursor(me, 2)
    me("DELETE", f"/accounts/{made[1]}")
    assert ids(me, **{"from": after_two}) == made[2:]


@pytest.mark.parametrize(
    "params", [{"take": 0}, {"take": 21}, {"take": "x"}, {"from": "x"}, {"from": "é"}, {"next": "x"}]
)
@pytest.mark.parametrize("path", ["/accounts", "/connections"])
def test_pages_of_a_list_that_are_wrong_are_400(me, path, params):
    reply = me("GET", path, **params)
    assert (reply.status_code, reply.json()["type"]) == (400, PROBLEM + "A0E-400-0003")
    assert reply.json()["validation_errors"][0]["source"] == "query"


def test_connections_that_can_be_connected(me):
    me.desk.tenant.add_connection("corp", "samlp", connected_accounts=False)
    me.desk.tenant.add_connection("hidden", "oauth2")
    me.desk.tenant.clients["web"].connections = ["google-oauth2", "github", "corp"]
    assert me("GET", "/connections").json() == {
        "connections": [
            {"name": "google-oauth2", "strategy": "google-oauth2", "scopes": ["openid", "profile", "email"]},
            {"name": "github", "strategy": "github", "scopes": ["repo"]},
        ]
    }
    page = me("GET", "/connections", take=1).json()
    rest = me("GET", "/connections", take=1, **{"from": page["next"]}).json()
    assert [c["name"] for c in rest["connections"]] == ["github"]
    assert "next" not in rest


def test_delete_is_204_again_and_again(me):
    made = me.connect()["id"]
    for _ in range(2):
        reply = me("DELETE", f"/accounts/{made}")
        assert (reply.status_code, reply.content) == (204, b"")
    assert ids(me) == []
    assert me.desk.tenant.ledger.count("account_disconnected", account=made, reason="deleted") == 1
    assert me("DELETE", "/accounts/con_1").status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/connect", "create"),
        ("POST", "/complete", "create"),
        ("GET", "/accounts", "read"),
        ("GET", "/connections", "read"),
        ("DELETE", "/accounts/cac_1", "delete"),
    ],
)
def test_each_endpoint_needs_its_scope(desk, method, path, scope):
    others = {"create", "read", "delete"} - {scope}
    desk.tenant.allow_connected_accounts("web", [f"{verb}:me:connected_accounts" for verb in others])
    refused = sign_in_to_connect(desk)(method, path, {} if method == "POST" else None)
    assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")
    assert f"{scope}:me:connected_accounts" in refused.json()["detail"]


@pytest.mark.parametrize("flaw", ["missing", "scheme", "garbage", "audience", "id_token", "expired", "gone"])
def test_401_for_tokens_that_are_none(me, flaw):
    desk = me.desk
    token = me.token
    headers = {}
    match flaw:
        case "garbage":
            token = "x"
        case "audience":
            token = desk.tokens(audience="https://api.example/")["access_token"]
        case "id_token":
            token = desk.tokens()["id_token"]
        case "expired":
            desk.tenant.clock.advance(86_400)
        case "gone":
            desk.tenant.delete_user("auth0|ada")
    if flaw != "missing":
        headers["Authorization"] = f"{'Basic' if flaw == 'scheme' else 'Bearer'} {token}"
    reply = desk.http.get(desk.url("/me/v1/connected-accounts/accounts"), headers=headers, timeout=5)
    body = reply.json()
    assert (reply.status_code, body["type"]) == (401, PROBLEM + "A0E-401-0003")
    assert (body["title"], body["status"]) == ("Unauthorized", 401)
    assert body["detail"] == ("Expired Token" if flaw == "expired" else "Invalid Token")


def test_wrong_methods_have_the_bodies_of_the_api(me):
    reply = me("PUT", "/accounts")
    assert (reply.status_code, reply.json()["type"]) == (404, PROBLEM + "A0E-404-0001")


def test_the_organization_of_the_token_is_kept(me):
    tenant = me.desk.tenant
    organization = tenant.add_organization("acme", members=["auth0|ada"])
    tokens = me.desk.tokens(organization="acme")
    reply = me.desk.refresh(tokens["refresh_token"], audience=tenant.my_account_audience)
    alone, me.token = me.connect()["id"], reply.json()["access_token"]
    within = me.connect()
    assert within["org_id"] == organization.id
    assert ids(me) == [alone, within["id"]]


def test_the_management_api_shows_connected_accounts(me, admin):
    made = me.connect()
    connection = me.desk.tenant.people.connections["google-oauth2"]
    view = admin("GET", "/users/auth0|ada/connected-accounts").json()
    expected = {**made, "connection_id": connection.id, "strategy": "google-oauth2"}
    assert view == {"connected_accounts": [expected]}
    assert connection.id.startswith("con_")
    sets = admin("GET", "/users/auth0|ada/federated-connections-tokensets").json()
    assert [s["connection"] for s in sets] == ["google-oauth2"]


def test_an_empty_vault_is_no_missing_user(admin):
    assert admin("GET", "/users/auth0|ada/connected-accounts").json() == {"connected_accounts": []}
    assert admin("GET", "/users/auth0|ada/federated-connections-tokensets").json() == []
    for view in ["connected-accounts", "federated-connections-tokensets"]:
        assert admin("GET", f"/users/auth0|nobody/{view}").status_code == 404


def test_the_management_view_in_pages(me, admin):
    made = connect_many(me, 3)
    page = admin("GET", "/users/auth0|ada/connected-accounts", take=2).json()
    rest = admin("GET", "/users/auth0|ada/connected-accounts", **{"from": page["next"]}).json()
    assert [a["id"] for a in page["connected_accounts"] + rest["connected_accounts"]] == made
    assert admin("GET", "/users/auth0|ada/connected-accounts", **{"from": "x"}).status_code == 400


def test_the_management_view_has_20_at_most_whatever_is_asked_for(me, admin):
    connect_many(me, 21)
    for params, shown in [({}, 10), ({"take": 50}, 20)]:
        page = admin("GET", "/users/auth0|ada/connected-accounts", **params).json()
        assert (len(page["connected_accounts"]), "next" in page) == (shown, True)


def test_a_connected_account_is_no_identity_and_a_login_connects_nothing(me, admin):
    me.connect()
    assert len(admin.user("auth0|ada")["identities"]) == 1
    code = me.desk.code(as_user="eve@gmail.com", connection="google-oauth2")
    assert me.desk.claims(me.desk.exchange(code).json()["id_token"])["sub"] == "google-oauth2|777"
    assert me.desk.tenant.connected_accounts("google-oauth2|777") == []


def test_the_management_api_lists_connections_of_the_tenant(admin):
    listed = admin("GET", "/connections").json()
    assert [c["strategy"] for c in listed] == ["auth0", "google-oauth2"]
    named = admin("GET", "/connections", name="google-oauth2", include_totals="true").json()
    assert (named["total"], named["connections"][0]["name"]) == (1, "google-oauth2")
    assert admin("GET", "/connections", strategy="github").json() == []
    page = admin("GET", "/connections", take=1).json()
    rest = admin("GET", "/connections", **{"from": page["next"]}).json()
    assert [c["strategy"] for c in page["connections"] + rest["connections"]] == ["auth0", "google-oauth2"]
