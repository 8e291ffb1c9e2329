"""*Sign in again* starts from what was asked for before; *Use another account* has the provider ask."""

from __future__ import annotations

import sys
from types import ModuleType
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.urls import include, path

from stateful_oauth.django import AccountRefused, Auth0Backend, flow_view, start_login
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import Form, shown
from tests.support.rows import the_row

pytestmark = pytest.mark.database_in_ci

ADA, BOB = "ada@example.com", "bob@example.com"
ASKED = {
    "invitation": "an-invitation",
    "organization": "org_1",
    "connection": "google-oauth2",
    "login_hint": "bob@example.com",
    "screen_hint": "signup",
    "audience": "https://api.example/",
    "ui_locales": "de",
}
QUERY = "&".join(f"{name}={value}" for name, value in ASKED.items())


class NobodyIsLetIn(Auth0Backend):
    def may_sign_in(self, identity, user):
        raise AccountRefused("account_refused")


@pytest.fixture
def refusing(settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.NobodyIsLetIn"]


@pytest.fixture
def by_request(configure):
    configure(REQUEST_PARAMETERS=[*ASKED])


def asked(response):
    assert response.status_code == 303
    assert response["Location"].startswith("https://tenant.example/authorize?")
    return dict(parse_qsl(urlsplit(response["Location"]).query))


def refused(browser, start, error="access_denied"):
    """The error page of an attempt that the provider answers with an error."""
    state = dict(parse_qsl(urlsplit(start["Location"]).query))["state"]
    return browser.opens(browser.get(f"/auth/callback/?error={error}&state={state}"))


@pytest.mark.usefixtures("by_request")
@pytest.mark.parametrize(
    "error", ["access_denied", "unauthorized", "server_error", "temporarily_unavailable"]
)
def test_sign_in_again_asks_for_what_the_attempt_asked_for(browser, error):
    page = refused(browser, browser.get(f"/auth/login/?{QUERY}&next=/profile/%3Ftab=2"), error)
    again = asked(Form.of(page).submit(browser))
    assert ASKED.items() <= again.items()
    assert "prompt" not in again
    assert the_newest().inputs["next"] == "/profile/?tab=2"


@pytest.mark.usefixtures("by_request")
def test_another_account_asks_for_the_same_and_has_the_provider_ask(browser):
    page = refused(browser, browser.get(f"/auth/login/?{QUERY}"))
    again = asked(Form.of(page).press(browser, "another"))
    assert {**ASKED, "prompt": "login"}.items() <= again.items()


@pytest.mark.usefixtures("by_request")
@pytest.mark.parametrize("code", ["transaction_expired", "superseded"])
def test_attempt_that_took_too_long_starts_again_with_the_same(browser, clock, configure, code):
    configure(OPEN_PER_BROWSER=1, REQUEST_PARAMETERS=[*ASKED])
    start = browser.get(f"/auth/login/?{QUERY}&next=/profile/%3Ftab=2")
    if code == "superseded":
        clock.advance(1)
        browser.start()
    else:
        clock.advance(601)
    callback = browser.get(f"/auth/callback/?code=c&state={asked(start)['state']}")
    assert shown(browser, callback) == (code, 410)
    assert ASKED.items() <= asked(Form.of(browser.opens(callback)).submit(browser)).items()


def test_what_the_project_asked_for_is_asked_for_again(browser, settings, tenant):
    @flow_view
    def own(request):
        return start_login(
            request,
            next="/profile/?own",
            parameters={"acr_values": "mfa", "audience": None},
            scope="openid email offline_access",
            subject="auth0|somebody",
            redirect_uri="https://app.example/own/callback/",
        )

    module = ModuleType("urls_of_own_sign_in")
    module.urlpatterns = [path("own/", own), path("auth/", include("stateful_oauth.django.urls"))]
    sys.modules[module.__name__] = module
    settings.ROOT_URLCONF = module.__name__
    settings.STATEFUL_OAUTH = {
        **settings.STATEFUL_OAUTH,
        "AUTHORIZATION_PARAMETERS": {"audience": "https://api.example/"},
    }
    first = browser.get("/own/")
    again = asked(Form.of(refused(browser, first)).submit(browser))
    for name in ("state", "nonce", "code_challenge"):
        assert again.pop(name) != asked(first)[name]
    assert again.items() <= asked(first).items()
    assert again["acr_values"] == "mfa"
    assert "audience" not in again
    assert the_newest().inputs["subject"] == "auth0|somebody"


@pytest.mark.parametrize("how", ["settings", "request"])
@pytest.mark.parametrize("error", ["login_required", "interaction_required", "consent_required"])
def test_silent_attempt_that_was_refused_starts_again_with_a_question(browser, configure, error, how):
    if how == "settings":
        configure(AUTHORIZATION_PARAMETERS={"prompt": "none"})
    else:
        configure(REQUEST_PARAMETERS=["prompt"])
    page = refused(browser, browser.get("/auth/login/?prompt=none"), error)
    assert "prompt" not in asked(Form.of(page).submit(browser))


@pytest.mark.usefixtures("by_request")
def test_request_that_was_wrong_starts_again_without_what_the_url_asked(browser):
    page = refused(browser, browser.get(f"/auth/login/?{QUERY}&next=/profile/"), "invalid_request")
    again = asked(Form.of(page).submit(browser))
    assert not ASKED.keys() & again.keys()
    assert the_newest().inputs["next"] == "/profile/"


@pytest.mark.security("S9")
@pytest.mark.usefixtures("by_request")
def test_another_browser_starts_nothing_of_it(browser, another_browser):
    form = Form.of(refused(browser, browser.get(f"/auth/login/?{QUERY}")))
    elsewhere = another_browser()
    elsewhere.start()
    again = asked(elsewhere.post("/auth/login/", {"attempt": form.fields["attempt"]}))
    assert not ASKED.keys() & again.keys()


@pytest.mark.usefixtures("by_request")
@pytest.mark.parametrize("attempt", ["", "nothing", "0190163d-8694-739b-aea5-966c26f8ad91", "\0"])
def test_attempt_that_is_not_known_is_a_plain_start(browser, attempt):
    browser.start()
    assert not ASKED.keys() & asked(browser.post("/auth/login/", {"attempt": attempt})).keys()


@pytest.mark.usefixtures("by_request")
def test_url_cannot_name_an_attempt(browser):
    form = Form.of(refused(browser, browser.get(f"/auth/login/?{QUERY}")))
    again = asked(browser.get(f"/auth/login/?attempt={form.fields['attempt']}&account=another"))
    assert not {*ASKED, "prompt"} & again.keys()


@pytest.mark.usefixtures("by_request")
def test_row_that_succeeded_keeps_none_of_it(browser):
    browser.get(browser.authorize(browser.get("/auth/login/?ui_locales=de")["Location"], ADA))
    assert the_row().state == "signed_in"
    assert not {"parameters", "scope", "redirect_uri"} & the_row().inputs.keys()


@pytest.mark.usefixtures("refusing")
def test_user_who_was_refused_gets_in_with_another_account(browser, settings, tenant):
    page = browser.opens(browser.sign_in(ADA, "/profile/?tab=2"))
    assert page.status_code == 403
    settings.AUTHENTICATION_BACKENDS = ["stateful_oauth.django.Auth0Backend"]
    start = Form.of(page).press(browser, "another")
    assert browser.get(browser.authorize(start["Location"], BOB))["Location"] == "/profile/?tab=2"


@pytest.mark.parametrize("prompt", ["login", "select_account", "select_account consent"])
def test_how_the_provider_asks_for_another_account_is_a_setting(browser, configure, prompt):
    configure(ANOTHER_ACCOUNT_PROMPT=prompt)
    page = refused(browser, browser.get("/auth/login/"))
    assert asked(Form.of(page).press(browser, "another"))["prompt"] == prompt


REFUSALS = [
    "access_denied", "account_conflict", "account_inactive", "account_refused", "sign_in_refused",
    "organization_mismatch", "subject_mismatch", "wrong_account", "newcomer_blocked", "link_exists",
    "user_unknown", "login_required", "id_token_acr", "id_token_auth_time",
]  # fmt: skip


@pytest.mark.parametrize("code", REFUSALS)
def test_every_refusal_offers_another_account_and_to_sign_out(browser, code):
    assert code in ERROR_CODES
    form = Form.of(browser.get(f"/auth/error/{code}/"))
    assert "prompt=login" in form.press(browser, "another")["Location"]
    assert form.press(browser, "default")["Location"].startswith("https://tenant.example/oidc/logout?")


@pytest.mark.parametrize("title", ["", "Acme"])
def test_button_to_sign_out_names_the_provider(browser, configure, title):
    configure(TITLE=title)
    text = browser.get("/auth/error/account_refused/").content.decode()
    assert f"Sign out of {title or 'tenant.example'}</button>" in text


def the_newest():
    return FlowTransaction.objects.order_by("-created_at", "-pk").first()
