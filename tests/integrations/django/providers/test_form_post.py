"""Callbacks by form: taken over to the site's own cookies, and bound to the browser that started."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.contrib.sessions.models import Session

from stateful_oauth.emulator import Callback
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from stateful_oauth.testing.browser import Browser
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]

ADA = "ada@example.com"
CALLBACK = "https://app.example/auth/callback/"
NAVIGATION = {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document"}


def rows():
    return [*FlowTransaction.objects.values(), TransitionRecord.objects.count(), Session.objects.count()]


@pytest.fixture(autouse=True)
def by_form(configure):
    configure(RESPONSE_MODE="form_post")


def test_user_signs_in_by_form(browser, tenant):
    location = browser.start("/profile/")
    assert dict(parse_qsl(urlsplit(location).query))["response_mode"] == "form_post"
    callback = browser.authorize(location, ADA)
    assert (callback.method, str(callback)) == ("POST", CALLBACK)
    response = browser.arrive(callback, **NAVIGATION)
    assert response["Location"] == "/profile/"
    assert browser.user_id is not None


def test_form_of_the_provider_decides_nothing_and_leaves_nothing(browser, tenant):
    callback = browser.authorize(browser.start(), ADA)
    before = rows()
    page = Browser(tenant).post_form(callback, callback.fields, **NAVIGATION)
    assert (page.status_code, page.cookies.keys()) == (200, {}.keys())
    assert page["Cache-Control"] == "no-store"
    assert rows() == before
    assert tenant.requests["/oauth/token"] == 0


@pytest.mark.security("S1")
def test_form_that_another_browser_brings_signs_no_user_in(browser, another_browser, tenant):
    callback = browser.authorize(browser.start(), ADA)
    other = another_browser()
    assert error_code(other.arrive(callback, **NAVIGATION)) in {"browser_unknown", "browser_mismatch"}
    assert (browser.user_id, other.user_id, tenant.requests["/oauth/token"]) == (None, None, 0)


def test_second_delivery_of_a_form_exchanges_nothing(browser, tenant):
    callback = browser.authorize(browser.start("/profile/"), ADA)
    for _ in range(2):
        assert browser.arrive(callback)["Location"] == "/profile/"
    assert tenant.requests["/oauth/token"] == 1


@pytest.mark.security("S22")
def test_code_in_a_url_is_refused_and_of_no_use_afterwards(browser, tenant):
    callback = browser.authorize(browser.start(), ADA)
    by_url = f"{callback}?{urlencode(callback.fields)}"
    assert error_code(browser.get(by_url, **NAVIGATION)) == "response_incomplete"
    assert error_code(browser.arrive(callback, **NAVIGATION)) == "browser_mismatch"
    assert tenant.requests["/oauth/token"] == 0


def test_user_who_declines_is_told_so(browser):
    callback = browser.visitor.decline(browser.start())
    assert error_code(browser.arrive(callback)) == "access_denied"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": ""}, "state_missing"),
        ({"code": ""}, "response_incomplete"),
        ({"code": "x" * 5000}, "parameter_invalid"),
        ({"iss": "https://evil.example/"}, "issuer_mismatch"),
        ({"state": ["a", "b"]}, "parameter_repeated"),
    ],
    ids=str,
)
def test_flawed_form_has_a_page_of_its_own(browser, changes, code):
    callback = browser.authorize(browser.start(), ADA)
    flawed = Callback(str(callback), {**callback.fields, **changes})
    if code == "parameter_repeated":
        fields = {**callback.fields, "state": ["a", "b"], "stateful_oauth_bridged": "1"}
        assert error_code(browser.post_form(callback, fields)) == code
    else:
        assert error_code(browser.arrive(flawed)) == code


@pytest.mark.parametrize("value", ['"><script>alert(1)</script>', "</form><form>", "'onclick='x"])
def test_bridge_shows_text_from_outside_escaped(browser, value):
    page = browser.post_form(CALLBACK, {"code": value, "state": value})
    assert value not in page.content.decode()


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_body_that_is_no_form_is_refused(browser, kind):
    response = browser.client.post(
        "/auth/callback/", b"{}", content_type=kind, secure=True, HTTP_HOST="app.example"
    )
    assert response.status_code == 400


def test_tenant_that_is_asked_by_url_takes_no_form(browser, configure, tenant):
    configure(RESPONSE_MODE="query")
    callback = browser.authorize(browser.start(), ADA)
    fields = {**callback.fields, "stateful_oauth_bridged": "1"}
    assert browser.post_form(CALLBACK, fields).status_code == 405
    assert tenant.requests["/oauth/token"] == 0


def test_pushed_request_asks_for_a_form_too(browser, tenant, configure):
    configure(PUSHED_AUTHORIZATION_REQUESTS=True)
    tenant.settings.par = True
    callback = browser.authorize(browser.start("/profile/"), ADA)
    assert browser.arrive(callback)["Location"] == "/profile/"
