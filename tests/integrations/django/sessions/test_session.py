"""The Django session of a sign-in."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.http import HttpResponse
from django.urls import include, path

from stateful_oauth.storage.models import Identity

pytestmark = [pytest.mark.database_in_ci, pytest.mark.urls(__name__)]

ADA, BOB = "ada@example.com", "bob@example.com"


@login_not_required
def remember(request):
    request.session["basket"] = "three apples"
    return HttpResponse("ok")


def private(request):
    return HttpResponse(f"user:{request.user.pk}")


urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("remember/", remember),
    path("profile/", private),
]

ENGINES = ["db", "cached_db", "cache", "signed_cookies"]


@pytest.fixture(params=ENGINES)
def engine(request, settings):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    return request.param


@pytest.mark.security("S18")
def test_a_visitor_who_only_starts_has_no_session(browser):
    """Crawlers follow links."""
    response = browser.get("/auth/login/")
    assert {name[:21] for name in response.cookies} == {"__Host-stateful_oauth"}
    assert not Session.objects.exists()


@pytest.mark.security("S8")
def test_the_key_of_before_the_sign_in_is_worth_nothing_after_it(browser, engine):
    """Session fixation."""
    browser.get("/remember/")
    planted = browser.client.cookies["sessionid"].value
    browser.sign_in(ADA)
    assert browser.client.cookies["sessionid"].value != planted
    if engine != "signed_cookies":  # a signed cookie holds what it held; nobody is signed in by it
        assert not browser.client.session.exists(planted)
    browser.client.cookies["sessionid"] = planted
    assert browser.user_id is None


def test_what_the_visitor_had_in_the_session_is_still_there(browser, engine):
    """Django's rule for `login()`."""
    browser.get("/remember/")
    browser.sign_in(ADA)
    assert browser.client.session["basket"] == "three apples"


@pytest.mark.security("S8")
def test_signing_in_again_as_the_same_user_rotates_the_key_and_keeps_the_data(browser, engine):
    """Django's `login()` alone keeps the key of who signs in once more."""
    browser.sign_in(ADA)
    browser.get("/remember/")
    before = browser.client.cookies["sessionid"].value
    browser.sign_in(ADA)
    if engine != "signed_cookies":  # which has no key
        assert browser.client.cookies["sessionid"].value != before
        assert not browser.client.session.exists(before)
    assert browser.client.session["basket"] == "three apples"


@pytest.mark.security("S8", "B49")
def test_another_user_finds_nothing_of_the_one_before(browser, engine):
    """An account switch; and what the new sign-in keeps survives it."""
    browser.sign_in(ADA)
    ada = browser.user_id
    browser.get("/remember/")
    browser.visitor.cookies.clear()
    browser.sign_in(BOB)
    assert browser.user_id not in (None, ada)
    assert "basket" not in browser.client.session
    assert browser.client.session["stateful_oauth"]["sub"].startswith("google-oauth2|")


def test_the_whole_way_works_with_every_engine(browser, engine):
    response = browser.sign_in(ADA, next_url="/profile/?tab=2")
    assert browser.opens(response).content.decode() == f"user:{browser.user_id}"
    browser.post("/auth/logout/")
    assert browser.user_id is None


@pytest.mark.security("T19", "B23")
def test_the_session_knows_subject_provider_session_and_tenant_and_no_token(browser, tenant):
    browser.sign_in(ADA)
    details = browser.client.session["stateful_oauth"]
    assert set(details) == {"sub", "sid", "claims"}
    assert details["sub"] == Identity.objects.get().subject
    assert tenant.ledger.last("session_started").fields["sid"] == details["sid"]


def test_the_session_knows_when_and_how_the_user_authenticated(browser, tenant, clock, settings):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "AUTHORIZATION_PARAMETERS": {"max_age": 3600}}
    tenant.id_token_hook = lambda claims, header: claims.update(acr="urn:mfa", amr=["mfa", "pwd"])
    browser.sign_in(ADA)
    details = browser.client.session["stateful_oauth"]
    assert details["auth_time"] == int(clock.now().timestamp())
    assert (details["acr"], details["amr"]) == ("urn:mfa", ["mfa", "pwd"])


@pytest.mark.parametrize("claims", [{"acr": ""}, {"amr": "mfa"}, {"amr": [7]}, {"amr": []}])
def test_the_session_keeps_no_authentication_of_another_form(browser, tenant, claims):
    tenant.id_token_hook = lambda found, header: found.update(claims)
    browser.sign_in(ADA)
    assert set(browser.client.session["stateful_oauth"]) == {"sub", "sid", "claims"}


def test_djangos_signal_is_sent_once_and_last_login_is_noted(browser):
    seen = []

    def receiver(sender, request, user, **kwargs):
        seen.append(user.pk)

    user_logged_in.connect(receiver)
    try:
        browser.sign_in(ADA)
    finally:
        user_logged_in.disconnect(receiver)
    user = get_user_model().objects.get()
    assert seen == [user.pk]
    assert user.last_login is not None


def test_login_required_middleware_sends_to_the_sign_in_and_back(browser, settings):
    """`?next=` as Django writes it; our own pages stay open."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    refused = browser.get("/profile/?tab=2&q=a+b")
    assert refused["Location"] == "/auth/login/?next=/profile/%3Ftab%3D2%26q%3Da%2Bb"
    location = browser.opens(refused)["Location"]
    landed = browser.get(browser.visitor.authorize(location, ADA))
    assert landed["Location"] == "/profile/?tab=2&q=a+b"
    assert browser.opens(landed).content.decode() == f"user:{browser.user_id}"
    for address in ("/auth/restart/", "/auth/error/access_denied/", "/auth/callback/"):
        assert "next=" not in browser.get(address).get("Location", "")


@pytest.mark.urls("tests.support.testsite.urls")
def test_login_required_sends_to_the_sign_in_and_back(browser):
    location = browser.opens(browser.get("/profile/?tab=2"))["Location"]
    assert browser.get(browser.visitor.authorize(location, ADA))["Location"] == "/profile/?tab=2"


def test_the_session_lasts_as_django_says(browser, settings):
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = True
    assert browser.sign_in(ADA).cookies["sessionid"]["max-age"] == ""


@pytest.mark.security("L15")
def test_a_user_who_is_deactivated_is_signed_out_at_once(browser):
    """By ModelBackend's own rule."""
    browser.sign_in(ADA)
    get_user_model().objects.update(is_active=False)
    response = browser.get("/profile/")
    assert response.content.decode() == "user:None"
