"""Linking and unlinking, and what becomes of the secondary: docs/auth0-contract.md §8.5, §8.6, §8.8."""

from __future__ import annotations

import jwt
import pytest

from stateful_oauth.emulator import Refusal
from stateful_oauth.emulator.keys import KeyMaterial
from tests.integrations.emulator.conftest import manage

ADA, BOB = "auth0|ada", "google-oauth2|123"
EXISTS = {
    "statusCode": 409,
    "error": "Conflict",
    "message": "Specified identity already exists.",
    "errorCode": "identity_exists",
}


def link(admin, primary=ADA, **body):
    return admin(
        "POST", f"/users/{primary}/identities", body or {"provider": "google-oauth2", "user_id": "123"}
    )


def unlink(admin, provider="google-oauth2", user_id="123", primary=ADA):
    return admin("DELETE", f"/users/{primary}/identities/{provider}/{user_id}")


@pytest.mark.parametrize("user_id", ["123", "google-oauth2|123"])
def test_link_is_201_with_the_primary_first(admin, user_id):
    reply = link(admin, provider="google-oauth2", user_id=user_id)
    assert (reply.status_code, reply.json()) == (
        201,
        [
            {
                "profileData": {"email": "ada@example.com", "email_verified": True, "name": "Ada"},
                "connection": "Username-Password-Authentication",
                "user_id": "ada",
                "provider": "auth0",
                "isSocial": False,
            },
            {
                "profileData": {"email": "bob@example.com", "email_verified": True, "name": "Bob"},
                "connection": "google-oauth2",
                "user_id": "123",
                "provider": "google-oauth2",
                "isSocial": True,
            },
        ],
    )
    assert admin.user(ADA)["identities"] == reply.json()
    assert admin.desk.tenant.ledger.count("identity_linked", user_id=ADA, secondary=BOB) == 1


def test_the_secondary_is_gone_with_its_metadata(admin):
    admin("PATCH", f"/users/{ADA}", {"user_metadata": {"mine": 1}})
    admin("PATCH", f"/users/{BOB}", {"user_metadata": {"his": 1}, "app_metadata": {"role": "x"}})
    link(admin)
    reply = admin("GET", f"/users/{BOB}")
    assert (reply.status_code, reply.json()["errorCode"]) == (404, "inexistent_user")
    primary = admin.user(ADA)
    assert (primary["user_metadata"], "app_metadata" in primary) == ({"mine": 1}, False)
    assert primary["email"] == "ada@example.com"
    assert admin("GET", "/users-by-email", email="bob@example.com").json() == []
    assert admin.desk.tenant.ledger.count("user_deleted") == 0


def test_the_secondarys_refresh_tokens_and_sessions_die(admin):
    desk = admin.desk
    visitor = desk.tenant.visitor()
    token = desk.exchange(desk.code(visitor, "bob@example.com")).json()["refresh_token"]
    waiting = desk.code(as_user="bob@example.com")
    link(admin)
    reply = desk.refresh(token)
    assert (reply.status_code, reply.json()) == (
        403,
        {
            "error": "invalid_grant",
            "error_description": "The refresh_token was generated for a user who doesn't exist anymore.",
        },
    )
    assert desk.exchange(waiting).status_code == 403
    assert visitor.authorize(desk.location(prompt="none")).fields["error"] == "login_required"
    assert desk.tenant.ledger.count("session_ended", user_id=BOB) == 2


def test_the_primarys_tokens_live_on(admin):
    token = admin.desk.tokens()["refresh_token"]
    link(admin)
    assert admin.desk.refresh(token).status_code == 200


def test_the_next_login_through_the_secondary_gives_the_primarys_sub(admin):
    link(admin)
    desk = admin.desk
    for params in [{}, {"connection": "google-oauth2"}]:
        body = desk.exchange(desk.code(as_user="bob@example.com", **params)).json()
        claims = desk.claims(body["id_token"])
        assert (claims["sub"], claims["email"]) == (ADA, "ada@example.com")


def test_a_database_secondary_still_signs_in_with_its_password(admin):
    assert link(admin, BOB, provider="auth0", user_id="ada").status_code == 201
    assert admin.desk.tenant.people.check_password(
        "ada@example.com", "correct horse", "Username-Password-Authentication"
    )
    body = admin.desk.exchange(admin.desk.code(as_user="ada@example.com")).json()
    assert admin.desk.claims(body["id_token"])["sub"] == BOB


def test_the_secondarys_connected_accounts_and_memberships_go(me, admin):
    tenant = me.desk.tenant
    organization = tenant.add_organization("acme", members=[BOB])
    tenant.connect_account(BOB, "eve@gmail.com")
    link(admin)
    assert tenant.connected_accounts(ADA) == tenant.connected_accounts(BOB) == []
    assert organization.members == set()


def test_linking_an_identity_twice_is_409(admin):
    link(admin)
    again = link(admin)
    assert (again.status_code, again.json()) == (409, EXISTS)
    assert admin.desk.tenant.ledger.count("identity_linked") == 1


def test_an_identity_of_another_primary_is_409(admin):
    other = admin.desk.tenant.add_user(email="other@example.com").user_id
    link(admin)
    reply = link(admin, other)
    assert (reply.status_code, reply.json()["message"]) == (409, "Specified identity already exists.")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"provider": "auth0", "user_id": "ada"}, "Main identity and the new one are the same."),
        (
            {"provider": "google-oauth2", "user_id": "9"},
            "Linking to an inexistent identity requires a connection.",
        ),
        ({"provider": "twitter", "user_id": "9"}, "The specified provider is not configured."),
        (
            {"provider": "google-oauth2", "user_id": "9", "connection_id": "con_1"},
            "The specified connection is not configured.",
        ),
        ({"provider": "google-oauth2"}, "Payload validation error: 'Missing required property: user_id'."),
        ({"user_id": "9"}, "Payload validation error: 'Missing required property: provider'."),
        (
            {"provider": "google-oauth2", "user_id": "123", "extra": "x"},
            "Payload validation error: 'Additional properties not allowed: extra'.",
        ),
        (
            {"link_with": "x", "provider": "google-oauth2"},
            "Payload validation error: 'Additional properties not allowed: provider'.",
        ),
        (
            {"provider": "google-oauth2", "user_id": 123},
            "Payload validation error: 'Expected type string on property user_id'.",
        ),
    ],
)
def test_a_link_request_that_breaks_a_rule_is_400(admin, body, message):
    reply = link(admin, **body)
    assert (reply.status_code, reply.json()["message"]) == (400, message)
    assert admin.desk.tenant.ledger.count("identity_linked") == 0


def test_a_connection_id_chooses_the_connection(admin):
    people = admin.desk.tenant.people
    admin.desk.tenant.add_connection("second", "auth0")
    admin.desk.tenant.add_user(connection="second", user_id="twin", email="t@example.com")
    wrong = people.connections["Username-Password-Authentication"].id
    reply = link(admin, provider="auth0", user_id="twin", connection_id=wrong)
    assert reply.json()["message"] == "Linking to an inexistent identity is not allowed."
    right = people.connections["second"].id
    assert link(admin, provider="auth0", user_id="twin", connection_id=right).status_code == 201


def test_a_secondary_with_several_identities_is_refused(admin):
    link(admin)
    other = admin.desk.tenant.add_user(email="other@example.com").user_id
    reply = link(admin, other, provider="auth0", user_id="ada")
    assert (reply.status_code, reply.json()["message"]) == (400, "Unable to link with the secondary account.")


def test_a_primary_that_is_not_there(admin):
    assert link(admin, "auth0|nobody").status_code == 404
    assert link(admin, "nobody").json()["errorCode"] == "invalid_uri"


def id_token(desk, as_user="bob@example.com", client_id="other"):
    code = desk.code(as_user=as_user, client_id=client_id)
    return desk.exchange(code, client_id=client_id).json()["id_token"]


def test_link_with_an_id_token(admin):
    token = id_token(admin.desk)
    reply = link(admin, link_with=token)
    assert (reply.status_code, [i["user_id"] for i in reply.json()]) == (201, ["ada", "123"])
    assert link(admin, link_with=token).json() == EXISTS


def test_linking_with_the_own_id_token_is_refused(admin):
    reply = link(admin, link_with=id_token(admin.desk, "ada@example.com"))
    assert reply.json()["message"] == "Main identity and the new one are the same."


@pytest.mark.parametrize("flaw", ["garbage", "access", "audience", "expired", "alg", "issuer", "forged"])
def test_link_with_bad_tokens_is_400(admin, flaw):
    desk = admin.desk
    token = id_token(desk)
    match flaw:
        case "garbage":
            token = "x.y.z"
        case "access":
            token = admin.token
        case "audience":
            token = id_token(desk, client_id="web")
        case "expired":
            desk.tenant.clock.advance(36_000)
        case "alg":
            token = jwt.encode({"sub": BOB, "aud": "other"}, "k" * 32, "HS256")
        case "issuer":
            desk.tenant.id_token_hook = lambda claims, header: claims.update(iss="https://evil.example/")
            token = id_token(desk)
        case "forged":
            kid = {"kid": desk.tenant.keys.current("RS256").kid}
            token = jwt.encode({"sub": BOB, "aud": "other"}, KeyMaterial().private, "RS256", kid)
    reply = link(admin, link_with=token)
    assert (reply.status_code, reply.json()["errorCode"]) == (400, "invalid_body")
    assert desk.tenant.ledger.count("identity_linked") == 0


def test_link_with_a_user_who_is_gone(admin):
    token = id_token(admin.desk)
    admin("DELETE", f"/users/{BOB}")
    reply = link(admin, link_with=token)
    assert (reply.status_code, reply.json()["message"]) == (400, "Provided secondary account not found.")


@pytest.fixture
def own(desk):
    """Ada's own token, for her own identities."""
    audience = desk.tenant.management_audience
    body = desk.tokens(audience=audience, scope="openid update:current_user_identities")
    admin = manage(desk)
    admin.token = body["access_token"]
    return admin


def test_a_user_links_to_herself_with_a_token(own):
    token = id_token(own.desk, client_id="web")
    assert link(own, link_with=token).status_code == 201
    assert unlink(own).status_code == 200


def test_a_user_cannot_act_on_others(own):
    message = "User to be acted on does not match subject in bearer token."
    for reply in [link(own, BOB, link_with=id_token(own.desk, client_id="web")), unlink(own, primary=BOB)]:
        assert (reply.status_code, reply.json()["message"]) == (403, message)


def test_a_user_cannot_name_an_identity(own):
    reply = link(own)
    assert (reply.status_code, reply.json()["errorCode"]) == (403, "insufficient_scope")


def test_unlink_is_200_with_the_rest(admin):
    link(admin)
    reply = unlink(admin)
    assert (reply.status_code, [i["user_id"] for i in reply.json()]) == (200, ["ada"])
    assert admin.desk.tenant.ledger.count("identity_unlinked", user_id=ADA, secondary=BOB) == 1


def test_the_unlinked_identity_is_a_fresh_user_without_metadata(admin):
    admin("PATCH", f"/users/{BOB}", {"user_metadata": {"his": 1}, "app_metadata": {"role": "x"}})
    token = admin.desk.exchange(admin.desk.code(as_user="bob@example.com")).json()["refresh_token"]
    link(admin)
    admin.desk.tenant.clock.advance(60)
    unlink(admin)
    fresh = admin.user(BOB)
    assert (fresh["email"], fresh["name"], len(fresh["identities"])) == ("bob@example.com", "Bob", 1)
    assert not {"user_metadata", "app_metadata", "last_login"} & fresh.keys()
    assert fresh["created_at"] == "2027-01-15T08:01:00.000Z"
    assert admin.desk.refresh(token).status_code == 403
    body = admin.desk.exchange(admin.desk.code(as_user="bob@example.com")).json()
    assert admin.desk.claims(body["id_token"])["sub"] == BOB


def test_an_identity_can_be_linked_again_after_unlinking(admin):
    link(admin)
    unlink(admin)
    assert link(admin).status_code == 201


def test_the_main_identity_cannot_be_removed(admin):
    link(admin)
    reply = unlink(admin, "auth0", "ada")
    assert (reply.status_code, reply.json()["message"]) == (400, "Main identity cannot be removed.")


def test_unlinking_what_is_not_there(admin):
    assert unlink(admin).json() == admin.user(ADA)["identities"]
    assert unlink(admin, primary="auth0|nobody").json()["errorCode"] == "inexistent_user"


def test_deleting_the_primary_deletes_everything(admin):
    link(admin, BOB, provider="auth0", user_id="ada")
    admin("DELETE", f"/users/{BOB}")
    assert admin("GET", f"/users/{ADA}").status_code == 404
    people = admin.desk.tenant.people
    assert people.find_account("ada@example.com") is None
    assert people.find_account("bob@example.com") is not None


def test_in_python_as_in_the_dashboard(tenant):
    primary = tenant.users.link(ADA, "google-oauth2", "123")
    assert [identity.user_id for identity in primary.identities] == ["ada", "123"]
    with pytest.raises(Refusal, match="already exists"):
        tenant.users.link(ADA, "google-oauth2", "123")
    assert tenant.users.unlink(ADA, "google-oauth2", "123").user_id == BOB
    with pytest.raises(Refusal, match="does not exist"):
        tenant.users.get("auth0|nobody")
    tenant.users.patch(ADA, {"app_metadata": {"a": 1}})
    assert tenant.users.get(ADA).app_metadata == {"a": 1}
    tenant.users.delete(ADA)
    assert tenant.users.by_email("ada@example.com") == []
