"""What the emulator learnt from recorded answers: docs/auth0-contract.md §1, §2, §4.1, §8."""

from __future__ import annotations

import pytest

from tests.integrations.emulator.conftest import API, CALLBACK

ADA, BOB = "auth0|ada", "google-oauth2|123"


def unlink(admin, user_id="123", primary=ADA):
    return admin("DELETE", f"/users/{primary}/identities/google-oauth2/{user_id}")


def test_unlinking_what_is_not_linked_answers_the_array(admin):
    reply = unlink(admin)
    assert (reply.status_code, reply.json()) == (200, admin.user(ADA)["identities"])
    assert admin.desk.tenant.ledger.count("identity_unlinked") == 0


@pytest.mark.parametrize(("reading", "status"), [("not_found", 404), ("bad_request", 400)])
def test_each_reading_of_unlinking_again_has_a_switch(admin, reading, status):
    admin.desk.tenant.settings.unlink_answer = reading
    assert unlink(admin).status_code == status
    assert unlink(admin).json().get("errorCode") != "inexistent_user"


def test_blocked_user_at_refresh_is_an_invalid_grant(desk):
    token = desk.tokens()["refresh_token"]
    desk.tenant.block_user(ADA)
    reply = desk.refresh(token)
    assert (reply.status_code, reply.json()) == (
        403,
        {"error": "invalid_grant", "error_description": "user is blocked"},
    )
    desk.tenant.block_user(ADA, False)
    assert desk.refresh(token).status_code == 200


def test_block_may_end_the_refresh_tokens_for_good(desk):
    desk.tenant.settings.block_ends_refresh_tokens = True
    token = desk.tokens()["refresh_token"]
    desk.tenant.block_user(ADA)
    desk.tenant.block_user(ADA, False)
    assert desk.refresh(token).json()["error_description"] == "Unknown or invalid refresh token."


def _denies(stage):
    def action(event, api):
        if event.stage == stage:
            api.deny("Not on Sundays")

    return action


def _throws(event, api):
    raise RuntimeError("secret is not defined")


def test_action_that_denies_a_sign_in_sends_access_denied(desk):
    desk.tenant.action = _denies("login")
    fields = desk.tenant.visitor().authorize(desk.location(), "ada@example.com").fields
    assert (fields["error"], fields["error_description"]) == ("access_denied", "Not on Sundays")


def test_action_that_throws_at_a_sign_in_sends_access_denied(desk):
    desk.tenant.action = _throws
    fields = desk.tenant.visitor().authorize(desk.location(), "ada@example.com").fields
    assert (fields["error"], fields["error_description"]) == ("access_denied", "secret is not defined")


def test_action_that_denies_an_exchange_answers_500_and_spends_the_code(desk):
    code = desk.code()
    desk.tenant.action = _denies("exchange")
    reply = desk.exchange(code)
    assert (reply.status_code, reply.json()["error"]) == (500, "access_denied")
    desk.tenant.action = None
    assert desk.exchange(code).status_code == 403


@pytest.mark.parametrize("spends", [True, False])
def test_action_that_denies_a_refresh_spends_the_token_by_the_switch(desk, spends):
    desk.tenant.clients["web"].rotation = True
    desk.tenant.settings.denial_spends_refresh_token = spends
    token = desk.tokens()["refresh_token"]
    desk.tenant.action = _denies("refresh")
    reply = desk.refresh(token)
    assert (reply.status_code, reply.json()["error_description"]) == (500, "Not on Sundays")
    desk.tenant.action = None
    assert desk.refresh(token).status_code == (403 if spends else 200)


def test_action_that_revokes_the_refresh_token_answers_403(desk):
    token = desk.tokens()["refresh_token"]
    desk.tenant.action = lambda event, api: api.revoke_refresh_token("Stolen laptop")
    reply = desk.refresh(token)
    assert (reply.status_code, reply.json()["error"]) == (403, "access_denied")
    desk.tenant.action = None
    assert desk.refresh(token).json()["error"] == "invalid_grant"


def test_claims_that_an_action_sets_are_in_the_tokens(desk):
    def action(event, api):
        if event.stage == "login":
            api.set_id_token_claim("https://app.example/roles", ["staff"])
            api.set_access_token_claim("https://app.example/plan", "gold")

    desk.tenant.action = action
    tokens = desk.tokens(audience=API)
    assert desk.claims(tokens["id_token"])["https://app.example/roles"] == ["staff"]
    assert desk.claims(tokens["access_token"], API)["https://app.example/plan"] == "gold"


def test_identities_may_have_numbers_for_user_ids(admin):
    admin.desk.tenant.settings.numeric_identity_ids = True
    assert admin.user(BOB)["identities"][0]["user_id"] == 123
    assert admin.user(ADA)["identities"][0]["user_id"] == "ada"


def test_metadata_beyond_the_limit_of_a_profile_is_refused(admin):
    assert admin("PATCH", f"/users/{ADA}", {"user_metadata": {"a": "x" * 6000}}).status_code == 200
    assert admin("PATCH", f"/users/{ADA}", {"app_metadata": {"b": "x" * 6000}}).status_code == 400
    assert "app_metadata" not in admin.user(ADA)


def test_refusals_of_the_management_api_may_have_no_code(admin):
    admin.desk.tenant.settings.error_codes = False
    reply = admin("GET", "/users/auth0|nobody")
    assert (reply.status_code, "errorCode" in reply.json()) == (404, False)


def test_invitation_is_consumed_by_the_wrong_account(desk):
    organization = desk.tenant.add_organization("acme")
    invitation = desk.tenant.invite(organization, "bob@example.com")
    where = desk.location(organization=organization.id, invitation=invitation.ticket)
    fields = desk.tenant.visitor().authorize(where, "ada@example.com").fields
    assert fields["error_description"] == (
        "the specified account is not allowed to accept the current invitation"
    )
    assert invitation.used


def test_user_outside_the_organization_is_named_by_id(desk):
    organization = desk.tenant.add_organization("acme")
    fields = (
        desk.tenant.visitor().authorize(desk.location(organization=organization.id), "ada@example.com").fields
    )
    assert fields["error_description"] == f"user {ADA} is not part of the {organization.id} organization"


def test_online_and_offline_access_together_are_refused(desk):
    where = desk.location(scope="openid offline_access online_access")
    assert desk.tenant.visitor().authorize(where).fields["error"] == "invalid_request"


def test_authorization_server_metadata_is_the_same_document(desk):
    one, other = (
        desk.http.get(desk.url(f"/.well-known/{name}"), timeout=5).json()
        for name in ("openid-configuration", "oauth-authorization-server")
    )
    assert one == other
    assert "none" in one["token_endpoint_auth_methods_supported"]


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_used_connect_code_has_a_switch_for_its_status(me, status):
    me.desk.tenant.settings.used_connect_code = status
    started = me.start()
    code = me.choose(started)
    assert me.complete(started, code).status_code == 201
    assert me.complete(started, code).status_code == status


@pytest.mark.parametrize("status", [400, 404])
def test_unknown_connection_has_a_switch_for_its_status(me, status):
    me.desk.tenant.settings.unknown_connection = status
    assert me.start(connection="nothing").status_code == status


@pytest.mark.parametrize("keeps", [True, False])
def test_old_account_id_may_stay_when_connected_again(me, keeps):
    me.desk.tenant.settings.keeps_replaced_account = keeps
    for _ in range(2):
        started = me.start()
        assert me.complete(started, me.choose(started)).status_code == 201
    assert len(me("GET", "/accounts").json()["accounts"]) == (2 if keeps else 1)


def test_declined_connect_has_a_switch_for_its_error(me):
    me.desk.tenant.settings.declined_connect_error = "consent_required"
    fields = me.visitor.decline(me.location(me.start())).fields
    assert fields["error"] == "consent_required"
    assert CALLBACK in me.desk.tenant.clients["web"].callbacks


def test_secondary_with_identities_is_linked_whole_by_the_switch(admin):
    tenant = admin.desk.tenant
    tenant.settings.links_several_identities = True
    tenant.add_user(email="c@hub.example", connection="github", user_id="7")
    tenant.users.link(BOB, "github", "7")
    tenant.users.link(ADA, "google-oauth2", "123")
    assert [each["user_id"] for each in admin.user(ADA)["identities"]] == ["ada", "123", "7"]


def test_retry_after_of_the_management_api_has_a_switch(admin):
    settings = admin.desk.tenant.settings
    settings.rate_limits, settings.burst, settings.management_retry_after = True, 1, True
    replies = [admin("GET", f"/users/{ADA}") for _ in range(2)]
    assert replies[1].status_code == 429
    assert int(replies[1].headers["retry-after"]) >= 1
