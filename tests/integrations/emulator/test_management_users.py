"""Management tokens; users: docs/auth0-contract.md §4.4, §8.0 to §8.2, §8.4, §8.7."""

from __future__ import annotations

import pytest

from tests.integrations.emulator.conftest import manage

GONE = {
    "statusCode": 404,
    "error": "Not Found",
    "message": "The user does not exist.",
    "errorCode": "inexistent_user",
}


def test_the_management_token_carries_the_granted_scopes(desk):
    desk.tenant.allow_management("web", ["read:users", "update:users"])
    audience = "https://tenant.example/api/v2/"
    assert desk.tenant.management_audience == audience
    body = desk.post("/oauth/token", grant_type="client_credentials", audience=audience).json()
    claims = desk.claims(body["access_token"], audience)
    assert (claims["gty"], claims["sub"]) == ("client-credentials", "web@clients")
    assert body["expires_in"] == 86_400


def test_scopes_without_grant_are_dropped_silently(desk):
    desk.tenant.allow_management("web", ["read:users"])
    audience = desk.tenant.management_audience
    reply = desk.post(
        "/oauth/token", grant_type="client_credentials", audience=audience, scope="read:users update:users"
    )
    assert (reply.status_code, reply.json()["scope"]) == (200, "read:users")
    token = reply.json()["access_token"]
    refused = desk.call("PATCH", "/api/v2/users/auth0|ada", token, json={"blocked": True})
    assert refused.status_code == 403


def test_without_client_grant_there_is_no_token(desk):
    audience = desk.tenant.management_audience
    reply = desk.post("/oauth/token", grant_type="client_credentials", audience=audience)
    assert (reply.status_code, reply.json()["error"]) == (403, "access_denied")
    assert "client-grant" in reply.json()["error_description"]


def test_no_refresh_token_reaches_it(desk):
    audience = desk.tenant.management_audience
    desk.tenant.clients["web"].refresh_policies = {audience: ["read:users"]}
    body = desk.refresh(desk.tokens()["refresh_token"], audience=audience).json()
    assert "read:users" not in body["scope"]


def test_users_get_tokens_for_themselves_only(desk):
    body = desk.tokens(
        audience=desk.tenant.management_audience, scope="openid read:users update:current_user_identities"
    )
    assert body["scope"] == "openid update:current_user_identities"
    assert desk.call("GET", "/api/v2/users/auth0|ada", body["access_token"]).status_code == 403


@pytest.mark.parametrize(
    ("header", "status", "message", "code"),
    [
        (None, 401, "Missing authentication", None),
        ("Basic eDp5", 400, "Bad HTTP authentication header format", "Bearer"),
        ("Bearer", 400, "Bad HTTP authentication header format", "Bearer"),
        ("Bearer x", 401, "Invalid token", "invalid_token"),
    ],
)
def test_a_management_call_without_a_good_token_is_401(desk, header, status, message, code):
    headers = {} if header is None else {"Authorization": header}
    reply = desk.http.get(desk.url("/api/v2/users/auth0|ada"), headers=headers, timeout=5)
    body = reply.json()
    assert (reply.status_code, body["statusCode"], body["message"]) == (status, status, message)
    assert body.get("errorCode") == code
    assert set(body) <= {"statusCode", "error", "message", "errorCode"}


def test_tokens_that_are_expired_or_foreign_are_401(admin):
    foreign = admin.desk.tokens(audience="https://api.example/")["access_token"]
    reply = admin.desk.call("GET", "/api/v2/users/auth0|ada", foreign)
    assert (reply.status_code, reply.json()["errorCode"]) == (401, "invalid_token")
    admin.desk.tenant.clock.advance(86_400)
    reply = admin("GET", "/users/auth0|ada")
    assert reply.json() == {
        "statusCode": 401,
        "error": "Unauthorized",
        "message": "Expired token received for JSON Web Token validation",
        "errorCode": "invalid_token",
    }


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/users", "read:users"),
        ("GET", "/users/auth0|ada", "read:users"),
        ("GET", "/users-by-email?email=x", "read:users"),
        ("PATCH", "/users/auth0|ada", "update:users,update:users_app_metadata"),
        ("DELETE", "/users/auth0|ada", "delete:users"),
        ("POST", "/users/auth0|ada/identities", "update:users,update:current_user_identities"),
        ("DELETE", "/users/auth0|ada/identities/a/b", "update:users,update:current_user_identities"),
        ("GET", "/users/auth0|ada/connected-accounts", "read:users"),
        ("GET", "/users/auth0|ada/federated-connections-tokensets", "read:federated_connections_tokens"),
        ("GET", "/connections", "read:connections"),
    ],
)
def test_each_endpoint_needs_a_scope(desk, method, path, needed):
    reply = manage(desk, "read:users_app_metadata")(method, path, {} if method in {"PATCH", "POST"} else None)
    assert (reply.status_code, reply.json()) == (
        403,
        {
            "statusCode": 403,
            "error": "Forbidden",
            "message": f"Insufficient scope, expected any of: {needed}",
            "errorCode": "insufficient_scope",
        },
    )
    allowed = manage(desk, *needed.split(","))(method, path, {} if method in {"PATCH", "POST"} else None)
    assert allowed.status_code != 403


def test_the_shape_of_a_user(admin):
    assert admin.user("auth0|ada") == {
        "blocked": False,
        "created_at": "2027-01-15T08:00:00.000Z",
        "email": "ada@example.com",
        "email_verified": True,
        "identities": [
            {
                "connection": "Username-Password-Authentication",
                "user_id": "ada",
                "provider": "auth0",
                "isSocial": False,
            }
        ],
        "name": "Ada",
        "nickname": "ada",
        "updated_at": "2027-01-15T08:00:00.000Z",
        "user_id": "auth0|ada",
    }


def test_a_sign_in_shows_in_the_users_login_count(admin):
    admin.desk.tokens()
    shown = admin.user("auth0|ada")
    assert (shown["logins_count"], shown["last_login"]) == (1, "2027-01-15T08:00:00.000Z")


def test_get_is_immediate_and_404_when_there_is_nobody(admin):
    user = admin.desk.tenant.add_user(email="new@example.com")
    assert admin.user(user.user_id)["email"] == "new@example.com"
    reply = admin("GET", "/users/auth0|nobody")
    assert (reply.status_code, reply.json()) == (404, GONE)


def test_ids_of_users_are_decoded_from_the_url(admin):
    admin.desk.tenant.add_user(connection="samlp", user_id="corp|a/b c", email="s@corp.example")
    reply = admin("GET", "/users/samlp%7Ccorp%7Ca%2Fb%20c")
    assert (reply.status_code, reply.json()["user_id"]) == (200, "samlp|corp|a/b c")
    assert admin("GET", "/users/auth0%7Cada").json()["user_id"] == "auth0|ada"


@pytest.mark.parametrize("bad", ["ada", "|ada", "auth0|", "auth0|" + "x" * 1024])
def test_ids_without_provider_are_400(admin, bad):
    for method in ["GET", "PATCH"]:
        reply = admin(method, f"/users/{bad}", {"blocked": True} if method == "PATCH" else None)
        assert (reply.status_code, reply.json()["errorCode"]) == (400, "invalid_uri")


def test_fields_of_a_user_can_be_included_and_excluded(admin):
    some = admin("GET", "/users/auth0|ada", fields="user_id,email", include_fields="true")
    assert some.json() == {"user_id": "auth0|ada", "email": "ada@example.com"}
    others = admin("GET", "/users/auth0|ada", fields="user_id,email", include_fields="false").json()
    assert "identities" in others
    assert not {"user_id", "email"} & others.keys()
    for params in [{"include_fields": "x"}, {"nothing": "x"}]:
        reply = admin("GET", "/users/auth0|ada", **params)
        assert (reply.status_code, reply.json()["errorCode"]) == (400, "invalid_query_string")


def test_metadata_is_merged_at_the_first_level_only(admin):
    def patch(**body):
        reply = admin("PATCH", "/users/auth0|ada", body)
        assert reply.status_code == 200
        return reply.json()

    assert "user_metadata" not in admin.user("auth0|ada")
    first = patch(user_metadata={"facts": {"a": 1, "b": 2}, "x": [1, 2]}, app_metadata={"plan": "free"})
    assert first["user_metadata"] == {"facts": {"a": 1, "b": 2}, "x": [1, 2]}
    second = patch(user_metadata={"foo": "bar", "facts": {"c": 3}, "x": [3]})
    assert second["user_metadata"] == {"facts": {"c": 3}, "foo": "bar", "x": [3]}
    assert second["app_metadata"] == {"plan": "free"}
    assert patch(user_metadata={"foo": None, "never": None})["user_metadata"] == {"facts": {"c": 3}, "x": [3]}
    assert patch(user_metadata={"facts": {"c": None}})["user_metadata"]["facts"] == {"c": None}
    assert admin.user("auth0|ada")["user_metadata"] == {"facts": {"c": None}, "x": [3]}
    ledger = admin.desk.tenant.ledger
    assert ledger.count("metadata_patched", user_id="auth0|ada", kind="user_metadata") == 4
    assert ledger.count("metadata_patched", kind="app_metadata", keys="plan") == 1


def test_an_empty_object_deletes_the_metadata(admin):
    admin("PATCH", "/users/auth0|ada", {"user_metadata": {"a": 1}, "app_metadata": {"b": 2}})
    body = admin("PATCH", "/users/auth0|ada", {"user_metadata": {}}).json()
    assert (body["user_metadata"], body["app_metadata"]) == ({}, {"b": 2})


def test_patch_changes_the_profile_and_the_time(admin):
    admin.desk.tenant.clock.advance(60)
    body = admin("PATCH", "/users/auth0|ada", {"email": "Countess@example.com", "name": "Ada L."}).json()
    assert (body["email"], body["name"]) == ("countess@example.com", "Ada L.")
    assert body["updated_at"] == "2027-01-15T08:01:00.000Z"
    assert admin.desk.tenant.ledger.count("user_patched", fields="email,name") == 1
    assert admin.desk.code(as_user="countess@example.com")
    admin("PATCH", "/users/auth0|ada", {"password": "new horse"})
    people = admin.desk.tenant.people
    assert people.check_password("countess@example.com", "new horse", "Username-Password-Authentication")


def test_a_blocked_user_gets_no_tokens(admin):
    token = admin.desk.tokens()["refresh_token"]
    assert admin("PATCH", "/users/auth0|ada", {"blocked": True}).json()["blocked"] is True
    assert admin.desk.refresh(token).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user_id": "x"},
        {"identities": []},
        {"blocked": "yes"},
        {"email": 7},
        {"email": "x"},
        {"user_metadata": None},
        {"user_metadata": []},
        {"verify_email": True},
        [],
    ],
)
def test_patching_a_user_refuses_bodies_that_break_a_rule(admin, body):
    reply = admin("PATCH", "/users/auth0|ada", body)
    assert (reply.status_code, reply.json()["errorCode"]) == (400, "invalid_body")
    assert admin.desk.tenant.ledger.count("user_patched") == 0


def test_patch_of_a_social_users_profile_is_refused(admin):
    reply = admin("PATCH", "/users/google-oauth2|123", {"name": "Robert"})
    assert (reply.status_code, reply.json()["errorCode"]) == (400, "operation_not_supported")
    assert admin("PATCH", "/users/google-oauth2|123", {"user_metadata": {"a": 1}}).status_code == 200


def test_patch_cannot_take_an_address_that_is_taken(admin):
    admin.desk.tenant.add_user(email="eve@example.com")
    assert admin("PATCH", "/users/auth0|ada", {"email": "eve@example.com"}).status_code == 400
    assert admin("PATCH", "/users/auth0|ada", {"email": "ada@example.com"}).status_code == 200


def test_patch_of_nobody_and_of_no_json(admin):
    assert admin("PATCH", "/users/auth0|nobody", {"blocked": True}).json() == GONE
    form = admin.desk.call("PATCH", "/api/v2/users/auth0|ada", admin.token, data={"blocked": "1"})
    assert (form.status_code, form.json()["statusCode"]) == (415, 415)
    headers = {"Authorization": f"Bearer {admin.token}", "Content-Type": "application/json"}
    url = admin.desk.url("/api/v2/users/auth0|ada")
    broken = admin.desk.http.patch(url, data="{", headers=headers, timeout=5)
    assert (broken.status_code, broken.json()["errorCode"]) == (400, "invalid_body")


def test_only_app_metadata_with_its_own_scope(desk):
    admin = manage(desk, "update:users_app_metadata")
    assert admin("PATCH", "/users/auth0|ada", {"app_metadata": {"a": 1}}).status_code == 200
    assert admin("PATCH", "/users/auth0|ada", {"user_metadata": {"a": 1}}).status_code == 403


def test_by_email_is_exact_case_sensitive_and_immediate(admin):
    def found(email):
        reply = admin("GET", "/users-by-email", email=email)
        assert reply.status_code == 200
        return [user["user_id"] for user in reply.json()]

    add = admin.desk.tenant.add_user
    database = add(email="Mixed@Example.com").user_id
    social = add(email="Mixed@Example.com", connection="google-oauth2").user_id
    assert found("mixed@example.com") == [database]
    assert found("Mixed@Example.com") == [social]
    assert found("MIXED@example.com") == []
    add(email="mixed@example.com", connection="github", user_id="9")
    assert found("mixed@example.com") == [database, "github|9"]


def test_by_email_needs_an_email_and_narrows_fields(admin):
    reply = admin("GET", "/users-by-email")
    assert (reply.status_code, reply.json()["errorCode"]) == (400, "invalid_query_string")
    some = admin("GET", "/users-by-email", email="ada@example.com", fields="user_id")
    assert some.json() == [{"user_id": "auth0|ada"}]


def test_an_account_without_user_is_not_found(admin):
    admin.desk.tenant.add_user(email="late@example.com", connection="github", signed_up=False)
    assert admin("GET", "/users-by-email", email="late@example.com").json() == []


def test_delete_is_204_also_when_there_is_nobody(admin):
    for path in ["/users/auth0|ada", "/users/auth0|ada", "/users/nonsense"]:
        reply = admin("DELETE", path)
        assert (reply.status_code, reply.content) == (204, b"")
    assert admin("GET", "/users/auth0|ada").json() == GONE
    assert admin.desk.tenant.ledger.count("user_deleted", user_id="auth0|ada") == 1


def test_deleting_a_user_takes_accounts_and_tokens_along(me, admin):
    account = me.connect()["id"]
    admin("DELETE", "/users/auth0|ada")
    reply = me.desk.refresh(me.refresh_token)
    assert (reply.status_code, reply.json()["error"]) == (403, "invalid_grant")
    assert "doesn't exist anymore" in reply.json()["error_description"]
    assert me.desk.tenant.vault.get(account) is None
    assert me.visitor.authorize(me.desk.location(prompt="none")).fields["error"] == "login_required"


def test_dead_refresh_tokens_stay_dead_when_a_user_of_that_id_signs_in_again(admin):
    desk = admin.desk
    token = desk.exchange(desk.code(as_user="bob@example.com")).json()["refresh_token"]
    admin("DELETE", "/users/google-oauth2|123")
    desk.code(as_user="bob@example.com")
    assert admin.user("google-oauth2|123")
    assert "doesn't exist anymore" in desk.refresh(token).json()["error_description"]


def test_wrong_methods_have_the_bodies_of_the_api(admin):
    reply = admin("PUT", "/users/auth0|ada", {})
    assert (reply.status_code, reply.json()["statusCode"]) == (404, 404)
