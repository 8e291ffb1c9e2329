"""Signing out at providers that are not Auth0: never at a URL that is not there."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.fernet import Fernet

from stateful_oauth.storage.models import FlowTransaction

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

ADA = "ada@example.com"
LOGOUT = "/auth/logout/"
HOME = "https://app.example/"


def asked(response):
    parts = urlsplit(response["Location"])
    return parts._replace(query="").geturl(), dict(parse_qsl(parts.query, keep_blank_values=True))


@pytest.mark.parametrize("profile", ["google", "generic", "keycloak"])
def test_provider_without_sign_out_ends_the_session_here_alone(browser, tenant, at, profile):
    at(profile)
    tenant.settings.end_session_in_discovery = False
    browser.sign_in(ADA)
    assert asked(browser.post(LOGOUT)) == (HOME, {})
    assert browser.user_id is None


def test_provider_that_only_passes_for_auth0_is_not_sent_to_its_sign_out(browser, tenant):
    tenant.settings.end_session_in_discovery = False
    tenant.settings.discovery_overrides = {"token_endpoint": "https://tenant.example/token"}
    tenant.wsgi  # noqa: B018 - makes the application before the route is looked for
    assert asked(browser.post(LOGOUT)) == (HOME, {})


@pytest.mark.parametrize("profile", ["okta", "keycloak"])
def test_sign_out_sends_the_id_token_where_the_provider_wants_it(browser, tenant, at, profile):
    at(profile)
    tenant.settings.logout_needs_id_token = True
    browser.sign_in(ADA)
    where, sent = asked(response := browser.post(LOGOUT))
    assert where == "https://tenant.example/oidc/logout"
    assert set(sent) == {"client_id", "id_token_hint", "post_logout_redirect_uri"}
    assert str(browser.visitor.logout(response["Location"])) == HOME
    assert tenant.ledger.count("session_ended") == 1


def test_second_delivery_keeps_the_id_token_too(browser, tenant, at):
    at("okta")
    callback = browser.authorize(browser.start(), ADA)
    browser.get(callback)
    browser.get(callback)
    assert "id_token_hint" in asked(browser.post(LOGOUT))[1]


@pytest.mark.security("B40")
def test_id_token_is_stored_nowhere_in_clear(browser, tenant, at):
    at("okta")
    tokens = []
    tenant.token_reply_hook = lambda body: tokens.append(body["id_token"])
    browser.sign_in(ADA)
    claims = tokens[0].split(".")[1]
    assert claims not in str(dict(browser.client.session))
    assert claims not in str(FlowTransaction.objects.values().get())


def test_sign_out_goes_on_without_the_id_token_after_its_key_is_gone(browser, tenant, at, configure):
    at("okta", ENCRYPTION_KEYS=[Fernet.generate_key().decode()])
    browser.sign_in(ADA)
    configure(ENCRYPTION_KEYS=[Fernet.generate_key().decode()])
    assert set(asked(browser.post(LOGOUT))[1]) == {"client_id", "post_logout_redirect_uri"}


def test_long_id_token_is_not_put_into_a_url(browser, tenant, at):
    at("okta")
    tenant.id_token_hook = lambda claims, _: claims.update(groups=["g" * 50] * 200)
    browser.sign_in(ADA)
    assert "id_token_hint" not in asked(browser.post(LOGOUT))[1]


def test_session_id_is_no_hint_for_other_providers(browser, at):
    at("generic")
    browser.sign_in(ADA)
    assert set(asked(browser.post(LOGOUT))[1]) == {"client_id", "post_logout_redirect_uri"}


def test_endpoint_and_parameter_of_the_settings_are_used(browser, tenant, at):
    at("cognito", END_SESSION_ENDPOINT="https://users.auth.example/logout")
    tenant.settings.end_session_in_discovery = False
    browser.sign_in(ADA)
    assert asked(browser.post(LOGOUT)) == (
        "https://users.auth.example/logout",
        {"client_id": "web", "logout_uri": HOME},
    )


def test_auth0_session_keeps_no_id_token(browser):
    browser.sign_in(ADA)
    assert "id_token_hint" not in browser.client.session["stateful_oauth"]
