"""A sign-out between the commit of a sign-in and its response: the response brings no session any more."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.conf import settings as site_settings

from stateful_oauth.storage.models import Session
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import FIRST, XPTO, prepare, site
from tests.support.crashes import at

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=["openid profile email", "openid profile email offline_access"])
def user(tenant, browser, request):
    prepare(tenant)
    with site(SCOPE=request.param, LINKING="off"):
        yield tenant.add_user(email=XPTO, password="a good one")


@pytest.fixture
def other_tab(tenant, browser):
    """Another tab of the same browser, with the cookies that it has while the first tab waits."""

    def make():
        tab = Browser(tenant)
        for name, cookie in browser.client.cookies.items():
            tab.client.cookies[name] = cookie.value
        return tab

    return make


def signed_in(browser):
    """Whether the cookie that the browser has by now is worth anything at the server."""
    key = browser.client.cookies.get("sessionid")
    engine = import_module(site_settings.SESSION_ENGINE)
    return bool(key and key.value and engine.SessionStore(key.value).get("_auth_user_id"))


@pytest.mark.security("S8")
def test_sign_in_whose_response_was_overtaken_gives_no_session(browser, user, other_tab):
    callback = browser.authorize(browser.start(), XPTO)
    tab = other_tab()
    with at("settle.after_commit", "code_exchanged", lambda: tab.post("/auth/logout/")):
        browser.get(callback)
    assert not signed_in(browser)
    assert not Session.objects.exists()
    assert browser.sign_in(XPTO)["Location"] == "/profile/", "And the user can sign in again."


def test_step_up_whose_response_was_overtaken_gives_no_session(browser, user, other_tab, clock):
    browser.sign_in(XPTO)
    clock.advance(1000)  # the sign-in itself is longer ago than its grace
    started = browser.post("/auth/step-up/", {"max_age": "0", "next": "/profile/"})["Location"]
    callback = browser.authorize(started, XPTO)
    tab = other_tab()
    with at("settle.after_commit", "code_exchanged", lambda: tab.post("/auth/logout/")):
        browser.get(callback)
    assert not signed_in(browser)
    assert not Session.objects.exists()


def test_connection_whose_response_was_overtaken_gives_no_session(tenant, browser, other_tab, clock):
    prepare(tenant)
    with site(LINKING="off"):
        tenant.add_user(email=XPTO, password="a good one")
        tenant.add_user(email="a@example.com", connection="google-oauth2", user_id="100", signed_up=False)
        browser.sign_in(XPTO)
        clock.advance(1000)
        started = browser.post("/auth/connect/", {"connection": "google-oauth2", "next": "/accounts/"})
        callback = browser.visitor.connect(started["Location"], as_account=FIRST)
        tab = other_tab()
        with at("settle.after_commit", "account_identified", lambda: tab.post("/auth/logout/")):
            browser.get(callback)
    assert not signed_in(browser)
    assert not Session.objects.exists()


def test_sign_out_ends_no_session_of_another_browser(tenant, browser, user, another_browser):
    elsewhere = another_browser()
    elsewhere.sign_in(XPTO)
    browser.sign_in(XPTO)
    browser.post("/auth/logout/")
    assert signed_in(elsewhere)
    assert not signed_in(browser)
