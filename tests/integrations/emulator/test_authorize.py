"""/authorize: docs/auth0-contract.md §2."""

from __future__ import annotations

import pytest

from stateful_oauth.emulator import DATABASE, MFA_POLICY, PageShown
from tests.integrations.emulator.conftest import API, CALLBACK, error


def test_success_redirects_with_code_and_state(desk):
    callback = desk.tenant.visitor().authorize(desk.location(), "ada@example.com")
    assert callback.startswith(CALLBACK + "?code=")
    assert callback.fields["state"] == "st+/=&"
    assert "iss" not in callback.fields
    assert desk.tenant.ledger.count("code_issued", code=callback.fields["code"], user_id="auth0|ada") == 1


def test_iss_on_callback_when_switched_on_also_with_errors(desk):
    desk.tenant.settings.iss_on_callback = True
    assert (
        desk.tenant.visitor().authorize(desk.location(), "ada@example.com").fields["iss"]
        == desk.tenant.issuer
    )
    assert desk.tenant.visitor().authorize(desk.location(prompt="none")).fields["iss"] == desk.tenant.issuer


@pytest.mark.parametrize(
    "params",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"client_id": "nobody", "prompt": "none"},
        {"request_uri": "urn:ietf:params:oauth:request_uri:made-up"},
    ],
)
def test_bad_client_or_redirect_is_an_html_400_and_no_redirect(desk, params):
    answer = desk.tenant.visitor().request("GET", desk.location(**params))
    assert answer.status == 400
    assert answer.header("Location") is None
    assert answer.header("Content-Type").startswith("text/html")
    assert b"Oops" in answer.body


def test_a_repeated_parameter_is_a_page(desk):
    answer = desk.tenant.visitor().request("GET", desk.location() + "&redirect_uri=https://evil.example/")
    assert (answer.status, answer.header("Location")) == (400, None)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "weird"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "x"}, "invalid_request"),
        ({"max_age": "²"}, "invalid_request"),
        ({"audience": "https://nothing.example"}, "access_denied"),
        ({"connection": "nothing"}, "invalid_request"),
        ({"organization": "org_nothing"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "S512"}, "invalid_request"),
        ({"request": "ey.."}, "request_not_supported"),
        ({"invitation": "x"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_other_errors_are_redirects_that_carry_state(desk, params, expected):
    callback = desk.tenant.visitor().authorize(desk.location(**params))
    assert callback.startswith(CALLBACK + "?")
    assert error(callback) == (expected, "st+/=&")


def test_pkce_can_be_required_by_a_switch(desk):
    plain = {"code_challenge": None, "code_challenge_method": None}
    assert "code" in desk.tenant.visitor().authorize(desk.location(**plain), "ada@example.com").fields
    desk.tenant.settings.require_pkce = True
    assert error(desk.tenant.visitor().authorize(desk.location(**plain)))[0] == "invalid_request"


def test_grant_type_must_be_enabled(desk):
    desk.tenant.clients["web"].grant_types = ["client_credentials"]
    assert error(desk.tenant.visitor().authorize(desk.location()))[0] == "unauthorized_client"


def test_declining_gives_access_denied_and_starts_no_session(desk):
    callback = desk.tenant.visitor().decline(desk.location())
    assert error(callback) == ("access_denied", "st+/=&")
    assert desk.tenant.ledger.count("session_started") == 0


def test_second_authorize_is_silent_in_the_same_browser_only(desk):
    visitor = desk.tenant.visitor()
    visitor.authorize(desk.location(), "ada@example.com")
    assert "code" in visitor.authorize(desk.location(prompt="none")).fields
    assert "code" in visitor.authorize(desk.location(client_id="other")).fields
    assert desk.tenant.ledger.count("session_started") == 1
    with pytest.raises(PageShown):
        desk.tenant.visitor().authorize(desk.location())


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
def test_prompts_of_some_kinds_always_show_the_page(desk, prompt):
    visitor = desk.tenant.visitor()
    visitor.authorize(desk.location(), "ada@example.com")
    with pytest.raises(PageShown):
        visitor.authorize(desk.location(prompt=prompt))


def test_another_person_replaces_the_session(desk):
    visitor = desk.tenant.visitor()
    visitor.authorize(desk.location(), "ada@example.com")
    visitor.authorize(desk.location(prompt="select_account"), "bob@example.com")
    ended = desk.tenant.ledger.last("session_ended")
    assert (ended.fields["user_id"], ended.fields["reason"]) == ("auth0|ada", "replaced")
    code = visitor.authorize(desk.location()).fields["code"]
    assert desk.tenant.ledger.last("code_issued", code=code).fields["user_id"] == "google-oauth2|123"


def test_max_age_against_the_tenant_clock(desk):
    visitor = desk.tenant.visitor()
    visitor.authorize(desk.location(), "ada@example.com")
    desk.tenant.clock.advance(60)
    assert "code" in visitor.authorize(desk.location(max_age="61")).fields
    with pytest.raises(PageShown):
        visitor.authorize(desk.location(max_age="60"))
    assert error(visitor.authorize(desk.location(max_age="0", prompt="none")))[0] == "login_required"


def test_auth_time_only_with_prompt_login_or_max_age(desk):
    assert "auth_time" not in desk.claims(desk.tokens()["id_token"])
    for params in ({"prompt": "login"}, {"max_age": "10"}):
        claims = desk.claims(desk.tokens(**params)["id_token"])
        assert claims["auth_time"] == int(desk.tenant.clock.now())


def test_acr_values_give_amr_mfa_but_not_when_silent(desk):
    visitor = desk.tenant.visitor()
    first = desk.exchange(desk.code(visitor, acr_values=MFA_POLICY)).json()
    claims = desk.claims(first["id_token"])
    assert (claims["acr"], claims["amr"]) == (MFA_POLICY, ["mfa"])
    silent = desk.exchange(desk.code(visitor, None, acr_values=MFA_POLICY)).json()
    assert "amr" not in desk.claims(silent["id_token"])


def test_mfa_is_interaction_required_for_prompt_none(desk):
    visitor = desk.tenant.visitor()
    visitor.authorize(desk.location(), "ada@example.com")
    callback = visitor.authorize(desk.location(prompt="none", acr_values=MFA_POLICY))
    assert error(callback)[0] == "interaction_required"


def test_connection_forces_a_sign_in_with_it(desk):
    visitor = desk.tenant.visitor()
    visitor.authorize(desk.location(), "ada@example.com")
    with pytest.raises(PageShown):
        visitor.authorize(desk.location(connection="google-oauth2"))
    with pytest.raises(PageShown):
        visitor.authorize(desk.location(connection="google-oauth2"), "ada@example.com")
    assert "code" in visitor.authorize(desk.location(connection="google-oauth2"), "bob@example.com").fields


def test_connections_can_be_kept_from_a_client(desk):
    desk.tenant.clients["web"].connections = [DATABASE]
    with pytest.raises(PageShown):
        desk.tenant.visitor().authorize(desk.location(), "bob@example.com")


def test_organization_members_get_org_id(desk):
    organization = desk.tenant.add_organization("acme", members=["auth0|ada"])
    claims = desk.claims(desk.tokens(organization="acme")["id_token"])
    assert claims["org_id"] == organization.id
    assert "org_name" not in claims
    desk.tenant.settings.organization_name_in_tokens = True
    assert desk.claims(desk.tokens(organization=organization.id)["id_token"])["org_name"] == "acme"
    callback = desk.tenant.visitor().authorize(desk.location(organization="acme"), "bob@example.com")
    assert error(callback)[0] == "access_denied"


@pytest.mark.parametrize(("usage", "params"), [("deny", {"organization": "acme"}), ("require", {})])
def test_organization_usage_of_the_client(desk, usage, params):
    desk.tenant.add_organization("acme")
    desk.tenant.clients["web"].organization_usage = usage
    assert error(desk.tenant.visitor().authorize(desk.location(**params)))[0] == "invalid_request"


def test_an_invitation_makes_a_member_once(desk):
    organization = desk.tenant.add_organization("acme")
    invitation = desk.tenant.invite(organization, "bob@example.com")
    params = {"organization": organization.id, "invitation": invitation.ticket}
    assert "code" in desk.tenant.visitor().authorize(desk.location(**params), "bob@example.com").fields
    assert organization.members == {"google-oauth2|123"}
    assert error(desk.tenant.visitor().authorize(desk.location(**params)))[0] == "access_denied"


def test_a_form_post_response_carries_code_and_state(desk):
    callback = desk.tenant.visitor().authorize(desk.location(response_mode="form_post"), "ada@example.com")
    assert (callback, callback.method) == (CALLBACK, "POST")
    assert set(callback.fields) == {"code", "state"}
    assert callback.fields["state"] == "st+/=&"
    declined = desk.tenant.visitor().decline(desk.location(response_mode="form_post"))
    assert declined.fields["error"] == "access_denied"


def test_blocked_people_and_actions_that_deny(desk):
    desk.tenant.block_user("auth0|ada")
    assert error(desk.tenant.visitor().authorize(desk.location(), "ada@example.com"))[0] == "unauthorized"
    desk.tenant.on_login = lambda user, client: f"{user.name} may not use {client.name}"
    callback = desk.tenant.visitor().authorize(desk.location(), "bob@example.com")
    assert (callback.fields["error"], callback.fields["error_description"]) == (
        "access_denied",
        "Bob may not use The shop",
    )
    assert desk.tenant.ledger.count("session_started") == 0


def test_consent_is_asked_of_third_parties_once(desk):
    desk.tenant.clients["web"].first_party = False
    visitor = desk.tenant.visitor()
    assert error(visitor.authorize(desk.location(), "ada@example.com", consent=False))[0] == "access_denied"
    assert error(visitor.authorize(desk.location(prompt="none")))[0] == "consent_required"
    assert "code" in visitor.authorize(desk.location()).fields
    assert "code" in visitor.authorize(desk.location(prompt="none")).fields
    assert error(visitor.authorize(desk.location(prompt="none", audience=API)))[0] == "consent_required"


def test_sessions_expire_by_the_tenant_clock(desk):
    visitor = desk.tenant.visitor()
    visitor.authorize(desk.location(), "ada@example.com")
    desk.tenant.clock.advance(desk.tenant.settings.session_idle_ttl)
    assert error(visitor.authorize(desk.location(prompt="none")))[0] == "login_required"
    assert desk.tenant.ledger.last("session_ended").fields["reason"] == "session-expired"


def test_unknown_scopes_are_dropped_silently(desk):
    assert desk.tokens(scope="openid nonsense read:things")["scope"] == "openid"
    assert (
        desk.tokens(scope="openid read:things delete:things", audience=API)["scope"] == "openid read:things"
    )


def test_a_first_login_makes_the_user(desk):
    person = desk.tenant.add_user(email="new@example.com", connection="github", signed_up=False)
    assert person.user_id not in desk.tenant.people.users
    desk.code(as_user="new@example.com")
    assert person.user_id in desk.tenant.people.users
    assert desk.tenant.ledger.count("user_created", user_id=person.user_id) == 1
    desk.tenant.delete_user(person.user_id)
    desk.code(as_user="new@example.com")
    assert desk.tenant.ledger.count("user_created", user_id=person.user_id) == 2


def test_a_linked_identity_signs_in_as_the_primary(desk):
    from stateful_oauth.emulator import Identity

    ada = desk.tenant.people.users["auth0|ada"]
    del desk.tenant.people.users["google-oauth2|123"]
    ada.identities.append(Identity("google-oauth2", "google-oauth2", "123"))
    tokens = desk.exchange(desk.code(as_user="bob@example.com")).json()
    assert desk.claims(tokens["id_token"])["sub"] == "auth0|ada"


def test_a_callback_below_the_path_of_the_sign_in_page(desk):
    where = "https://app.example/u/login"
    desk.tenant.clients["web"].callbacks = [where]
    assert (
        desk.tenant.visitor()
        .authorize(desk.location(redirect_uri=where), "ada@example.com")
        .startswith(where)
    )


def test_people_with_one_address_are_told_apart_by_connection_or_user_id(desk):
    desk.tenant.add_user(email="ada@example.com", connection="google-oauth2", user_id="777")
    for who, connection in [("ada@example.com", "google-oauth2"), ("google-oauth2|777", None)]:
        callback = desk.tenant.visitor().authorize(desk.location(), who, connection=connection)
        issued = desk.tenant.ledger.last("code_issued", code=callback.fields["code"])
        assert issued.fields["user_id"] == "google-oauth2|777"
    desk.tenant.people.users["auth0|ada"].email = "countess@example.com"
    desk.code(as_user="countess@example.com")
    assert desk.tenant.ledger.last("code_issued").fields["user_id"] == "auth0|ada"
    with pytest.raises(LookupError):
        desk.code(as_user="nobody@example.com")
