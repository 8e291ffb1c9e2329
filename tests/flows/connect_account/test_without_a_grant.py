"""Whoever is signed in without a refresh token that works is told so, and how to get one. Nothing breaks."""

from __future__ import annotations

import html

import pytest

from stateful_oauth.django.actions.tokens import (
    access_token,
    available_connections,
    provider_token,
    refresh_connected_accounts,
)
from stateful_oauth.django.sessions.accounts import connected_accounts, linked_accounts
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.storage.models import ConnectedAccount, Grant
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import QWERTY, XPTO, site
from tests.support.error_pages import Form, error_code
from tests.support.project_requests import request_of

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

GOOGLE, MY_ACCOUNT = "google-oauth2|100", "https://tenant.example/me/"


def without_offline_access(tenant, owner):
    tenant.clients["web"].grant_types = ("authorization_code",)
    owner.post("/auth/logout/")
    owner.visitor.close_browser()
    with site(SCOPE="openid profile email"):
        owner.sign_in(owner.user.user_id)
    return "grant_missing"


def dead_at_the_tenant(tenant, owner):
    tenant.revoke_refresh_tokens(owner.user.user_id)
    return "grant_dead"


def ended_here(tenant, owner):
    """As another tab's sign-out ends it."""
    from stateful_oauth.django.sessions.grants import end_grant

    end_grant(str(Grant.objects.get(ended_at=None).pk))
    return "grant_dead"


def gone_here(tenant, owner):
    Grant.objects.all().delete()
    return "grant_dead"


def sealed_with_a_lost_key(tenant, owner):
    Grant.objects.update(refresh_token="gAAAAAB-not-ours")
    return "grant_dead"


def blocked_at_the_tenant(tenant, owner):
    tenant.block_user(owner.user.user_id)
    return "sign_in_refused"


SITUATIONS = [
    without_offline_access,
    dead_at_the_tenant,
    ended_here,
    gone_here,
    sealed_with_a_lost_key,
    blocked_at_the_tenant,
]


def connect(browser):
    return error_code(browser.post("/auth/connect/", {"connection": "github", "next": "/accounts/"}))


def disconnect(browser):
    account = ConnectedAccount.objects.get()
    return error_code(browser.post("/auth/disconnect/", {"account": account.remote_id, "next": "/accounts/"}))


def raised(call, *arguments, **options):
    with pytest.raises(FlowError) as caught:
        call(*arguments, **options)
    return caught.value.code


STEPS = {
    "connect": connect,
    "disconnect": disconnect,
    "list": lambda browser: raised(refresh_connected_accounts, request_of(browser)),
    "available connections": lambda browser: raised(available_connections, request_of(browser)),
    "provider token": lambda browser: raised(provider_token, request_of(browser), "google-oauth2"),
    "access token": lambda browser: raised(access_token, request_of(browser), audience=MY_ACCOUNT),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_each_step_says_what_is_missing(tenant, owner, situation, step, clock):
    owner.connect("google-oauth2", GOOGLE)
    clock.advance(100_000)  # no access token lasts that long
    code = situation(tenant, owner)
    assert STEPS[step](owner) == code
    assert ConnectedAccount.objects.count() == 1, "Nothing is forgotten for want of a token."
    assert len(connected_accounts(request_of(owner))) == 1, "What is kept here needs no token."
    assert linked_accounts(request_of(owner)) == []


@pytest.mark.parametrize("situation", SITUATIONS[:2])
@pytest.mark.parametrize("page", ["connect", "disconnect"])
def test_the_page_offers_the_way_to_get_one(tenant, owner, situation, page, clock):
    owner.connect("google-oauth2", GOOGLE)
    clock.advance(100_000)
    situation(tenant, owner)
    account = ConnectedAccount.objects.get()
    data = {"connection": "github", "account": account.remote_id, "next": "/accounts/?tab=2"}
    failed = owner.post(f"/auth/{page}/", data)
    shown = owner.opens(failed)
    assert shown.status_code == 401
    text = html.unescape(shown.content.decode())
    assert "Sign in again" in text
    assert "Sign-in did not work" not in text
    tenant.clients["web"].grant_types = ("authorization_code", "refresh_token")
    form = Form.of(shown)
    owner.visitor.close_browser()
    back = owner.get(owner.authorize(form.submit(owner)["Location"], owner.user.user_id))
    assert back["Location"] == "/accounts/?tab=2", "And it goes on where it was interrupted."
    assert owner.connect("github", "github|102", next_url="/accounts/")["Location"] == "/accounts/"


# Sessions that never had a refresh token.


@pytest.fixture
def linked(tenant, browser):
    """Linked without questions, into an account that never signed in here: the session has no grant."""
    browser.password = tenant.add_user(email=XPTO, password="x")
    browser.google = tenant.add_user(email=XPTO, connection="google-oauth2")
    tenant.add_user(email=QWERTY, connection="github", user_id="102", signed_up=False)
    browser.sign_in(browser.google.user_id)
    assert browser.client.session["stateful_oauth"]["sub"] == browser.password.user_id
    return browser


def test_a_primary_that_never_signed_in_here(tenant, linked):
    assert "grant" not in linked.client.session["stateful_oauth"]
    assert connect(linked) == "grant_missing"
    for name in ("list", "available connections", "provider token", "access token"):
        assert STEPS[name](linked) == "grant_missing"
    linked.post("/auth/logout/")
    linked.sign_in(linked.google.user_id)
    assert linked.client.session["stateful_oauth"]["sub"] == linked.password.user_id
    assert linked.connect("github", "github|102", next_url="/accounts/")["Location"] == "/accounts/"


def test_who_was_signed_in_as_the_primary_keeps_the_grant_that_was_there(tenant, browser):
    """Linking takes nothing away from the browser that it happens in."""
    password = tenant.add_user(email=XPTO, password="x")
    tenant.add_user(email=QWERTY, connection="github", user_id="102", signed_up=False)
    browser.sign_in(password.user_id)
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.visitor.close_browser()
    browser.sign_in(google.user_id)
    assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    assert browser.connect("github", "github|102", next_url="/accounts/")["Location"] == "/accounts/"


def test_functions_of_accounts_give_nothing_without_a_signed_in_user(tenant, browser):
    request = request_of(browser)
    assert connected_accounts(request) == []
    assert linked_accounts(request) == []
    for name in ("list", "available connections", "provider token", "access token"):
        assert STEPS[name](browser) == "grant_missing"


def test_the_tenant_of_the_session_is_none_of_the_sites_any_more(tenant, owner):
    owner.connect("google-oauth2", GOOGLE)
    account = ConnectedAccount.objects.get()
    session = owner.client.session
    session["stateful_oauth"] = {**session["stateful_oauth"], "tenant": "retired"}
    session.save()
    for name in ("list", "available connections", "provider token", "access token"):
        assert STEPS[name](owner) == "grant_missing"
    assert connected_accounts(request_of(owner)) == []
    assert linked_accounts(request_of(owner)) == []
    assert owner.post("/auth/disconnect/", {"account": account.remote_id}).status_code == 404
    assert owner.post("/auth/unlink/", {"link": "1"}).status_code == 404
    assert owner.post("/auth/connect/", {"connection": "github"}).status_code == 404
    assert owner.post("/auth/logout/").status_code == 303, "Signing out is always possible."


def test_somebody_is_signed_in_otherwise(tenant, browser):
    """With a password for the admin, say: there is no account at the tenant."""
    from django.contrib.auth import get_user_model

    user = get_user_model().objects.create_user("root", password="x")
    browser.client.force_login(user, backend="stateful_oauth.django.backends.Auth0Backend")
    assert connect(browser) == "sign_in_needed"
    for page in ("disconnect", "unlink"):
        assert error_code(browser.post(f"/auth/{page}/", {})) == "sign_in_needed"
    assert connected_accounts(request_of(browser)) == []
    assert STEPS["list"](browser) == "grant_missing"


# Other reasons for which there is no token, each with a code of its own.


def needs_step_up(tenant):
    tenant.faults.add(
        "/oauth/token", "answer", None, match={"grant_type": "refresh_token"}, status=403,
        json={"error": "mfa_required", "error_description": "Multifactor authentication required"},
    )  # fmt: skip
    return "step_up_required", 403, "Sign in again"


def needs_more_authentication(tenant):
    tenant.faults.add(
        "/oauth/token", "answer", None, match={"grant_type": "refresh_token"}, status=403,
        json={"error": "unmet_authentication_requirements"},
    )  # fmt: skip
    return "step_up_required", 403, "Sign in again"


def narrows_the_scope(tenant):
    tenant.allow_connected_accounts("web", ["read:me:connected_accounts"])
    return "scope_not_granted", 502, "Go back"


def refuses_the_application(tenant):
    tenant.clients["web"].client_secret = "another"
    return "client_rejected", 502, "Go back"


def is_not_there(tenant):
    tenant.faults.add("/oauth/token", "unreachable", None)
    return "provider_unreachable", 503, "again"


def has_too_much_to_do(tenant):
    tenant.faults.add("/me/v1/connected-accounts/connect", "rate_limit", None)
    return "rate_limited", 503, "again"


def does_not_take_the_token(tenant):
    tenant.faults.add(
        "/me/v1/connected-accounts/*", "answer", None, status=401,
        json={"type": "https://auth0.com/api-errors#A0E-401-0003", "status": 401, "title": "Unauthorized"},
    )  # fmt: skip
    return "my_account_token_rejected", 401, "Sign in again"


@pytest.mark.parametrize(
    "world",
    [
        needs_step_up,
        needs_more_authentication,
        narrows_the_scope,
        refuses_the_application,
        is_not_there,
        has_too_much_to_do,
        does_not_take_the_token,
    ],
)
def test_each_reason_has_its_code_and_its_way_on(tenant, owner, world):
    code, status, button = world(tenant)
    response = owner.post("/auth/connect/", {"connection": "github", "next": "/accounts/?tab=2"})
    assert error_code(response) == code
    page = owner.opens(response)
    assert page.status_code == status
    text = html.unescape(page.content.decode())
    assert button in text
    assert "/accounts/?tab=2" in text, "Where the visitor came from is not lost."
    assert owner.user_id is not None, "Nobody is signed out for it."


def test_an_audience_that_is_narrowed_away(tenant, owner):
    """The provider answers with a token for the API of the sign-in, and says nothing."""
    tenant.add_api("https://api.example/", scopes=["read:things"])
    with site(AUTHORIZATION_PARAMETERS={"audience": "https://api.example/"}):
        owner.sign_in(owner.user.user_id)
        tenant.clients["web"].refresh_policies = {}
        response = owner.post("/auth/connect/", {"connection": "github"})
    assert error_code(response) == "audience_not_granted"
    assert "Go back" in owner.opens(response).content.decode()


def test_a_step_up_at_token_vault(tenant, owner):
    owner.connect("google-oauth2", GOOGLE)
    tenant.settings.mfa_always = True
    assert raised(provider_token, request_of(owner), "google-oauth2") == "step_up_required"


def test_an_account_whose_access_was_taken_back_at_its_provider(tenant, owner):
    owner.connect("google-oauth2", GOOGLE)
    tenant.vault.revoke_at_provider(ConnectedAccount.objects.get().remote_id)
    assert raised(provider_token, request_of(owner), "google-oauth2") == "account_not_connected"
    assert raised(provider_token, request_of(owner), "github") == "account_not_connected"
    assert raised(provider_token, request_of(owner), "google-oauth2", login_hint="nobody") in (
        "connected_account_unknown",
        "account_not_connected",
    )


def test_an_account_that_nobody_could_identify_is_connected_and_is_no_evidence(tenant, owner):
    tenant.faults.add("/_provider/{connection}/userinfo", "server_error", None)
    response = owner.connect("google-oauth2", GOOGLE, next_url="/accounts/")
    assert response["Location"] == "/accounts/"
    account = ConnectedAccount.objects.get()
    assert (account.provider_user_id, account.email) == ("", "")
    tenant.faults.clear()
    later = Browser(tenant)
    later.sign_in(GOOGLE)
    assert later.client.session["stateful_oauth"]["sub"] == GOOGLE


def test_an_account_connected_again_after_nobody_could_identify_it(tenant, owner):
    """Its first row has an id that the tenant does not know any more."""
    tenant.faults.add("/_provider/{connection}/userinfo", "server_error", 2)
    owner.connect("google-oauth2", GOOGLE)
    tenant.faults.clear()
    owner.connect("google-oauth2", GOOGLE)
    kept = refresh_connected_accounts(request_of(owner))
    assert [account.provider_user_id for account in kept] == ["100"]
