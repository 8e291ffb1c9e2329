"""Only a navigation starts a flow: fetch, XHR, HTMX, images, prefetches and frames get 401."""

from __future__ import annotations

import json

import pytest
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import include, path

from stateful_oauth.django import flow_view, start_flow, start_login
from stateful_oauth.storage.models import FlowTransaction
from tests.support import accounts_site
from tests.support.rows import the_row

pytestmark = [pytest.mark.database_in_ci, pytest.mark.security("S5", "S18")]

ADA = "ada@example.com"
LOGIN = "/auth/login/?next=/profile/%3Ftab%3D2"
FETCH = {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_SEC_FETCH_DEST": "empty", "HTTP_SEC_FETCH_SITE": "same-origin"}
NAVIGATION = {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document"}
BACKGROUND = {
    "fetch": FETCH,
    "fetch without cors": {"HTTP_SEC_FETCH_MODE": "no-cors", "HTTP_SEC_FETCH_DEST": "empty"},
    "fetch of the same origin": {"HTTP_SEC_FETCH_MODE": "same-origin", "HTTP_SEC_FETCH_DEST": "empty"},
    "image": {"HTTP_SEC_FETCH_MODE": "no-cors", "HTTP_SEC_FETCH_DEST": "image"},
    "stylesheet": {"HTTP_SEC_FETCH_MODE": "no-cors", "HTTP_SEC_FETCH_DEST": "style"},
    "module": {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_SEC_FETCH_DEST": "script"},
    "websocket": {"HTTP_SEC_FETCH_MODE": "websocket", "HTTP_SEC_FETCH_DEST": "websocket"},
    "frame": {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "iframe"},
    "embedded object": {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "object"},
    "a mode alone": {"HTTP_SEC_FETCH_MODE": "cors"},
    "a destination alone": {"HTTP_SEC_FETCH_DEST": "image"},
    "htmx": {"HTTP_HX_REQUEST": "true"},
    "htmx in a newer browser": {"HTTP_HX_REQUEST": "true", **FETCH},
    "Turbo": {"HTTP_TURBO_FRAME": "cart"},
    "Turbo without a frame": {"HTTP_X_TURBO_REQUEST_ID": "a1", "HTTP_ACCEPT": "text/html"},
    "Alpine": {"HTTP_X_ALPINE_REQUEST": "true", "HTTP_ACCEPT": "text/html"},
    "Datastar": {"HTTP_DATASTAR_REQUEST": "true", "HTTP_ACCEPT": "text/html"},
    "Barba": {"HTTP_X_BARBA": "yes", "HTTP_ACCEPT": "text/html"},
    "Livewire": {"HTTP_X_LIVEWIRE": "1", "HTTP_ACCEPT": "text/html"},
    "Turbolinks": {"HTTP_TURBOLINKS_REFERRER": "https://app.example/", "HTTP_ACCEPT": "text/html"},
    "Unpoly": {"HTTP_X_UP_TARGET": ".cart", "HTTP_ACCEPT": "text/html"},
    "React Server Components": {"HTTP_RSC": "1", "HTTP_ACCEPT": "*/*"},
    "a look for a newer service worker": {"HTTP_SERVICE_WORKER": "script", "HTTP_ACCEPT": "*/*"},
    "a ping": {"HTTP_PING_FROM": "https://app.example/", "HTTP_ACCEPT": "*/*"},
    "a script with the CSRF token in a header": {"HTTP_X_CSRFTOKEN": "a" * 32, "HTTP_ACCEPT": "*/*"},
    "a script that sends JSON": {"CONTENT_TYPE": "application/json", "HTTP_ACCEPT": "*/*"},
    "a script that names itself": {"HTTP_X_REQUESTED_WITH": "fetch", "HTTP_ACCEPT": "*/*"},
    "XHR with white space": {"HTTP_X_REQUESTED_WITH": " XMLHttpRequest", "HTTP_ACCEPT": "*/*"},
    "XHR by jQuery": {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest", "HTTP_ACCEPT": "text/html, */*; q=0.01"},
    "a script that wants JSON": {"HTTP_ACCEPT": "application/json"},
    "axios in an older browser": {"HTTP_ACCEPT": "application/json, text/plain, */*"},
    "image in an older browser": {"HTTP_ACCEPT": "image/webp,image/png,image/*;q=0.8,*/*;q=0.5"},
    "prefetch": {"HTTP_SEC_PURPOSE": "prefetch", **NAVIGATION},
    "prerender": {"HTTP_SEC_PURPOSE": "prefetch;prerender", **NAVIGATION},
    "older prefetch": {"HTTP_PURPOSE": "prefetch"},
    "preview": {"HTTP_X_PURPOSE": "preview"},
}
NAVIGATIONS = {
    "an older browser": {"HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
    "a client that says nothing": {},
    "a client that takes anything": {"HTTP_ACCEPT": "*/*"},
    "a navigation": NAVIGATION,
    "a navigation through a service worker": {**NAVIGATION, "HTTP_SEC_FETCH_DEST": "empty"},
    "the web view of an Android app": {**NAVIGATION, "HTTP_X_REQUESTED_WITH": "com.example.app"},
    "a navigation that a service worker preloads": {
        **NAVIGATION,
        "HTTP_SERVICE_WORKER_NAVIGATION_PRELOAD": "true",
        "HTTP_SEC_FETCH_DEST": "empty",
    },
    "a browser that asks for https": {"HTTP_UPGRADE_INSECURE_REQUESTS": "1", "HTTP_ACCEPT": "text/html"},
    "a header that a proxy emptied": {"HTTP_X_REQUESTED_WITH": ""},
    "a purpose that is no guess": {"HTTP_SEC_PURPOSE": "", "HTTP_PURPOSE": "navigate"},
}
EACH_BACKGROUND = pytest.mark.parametrize("headers", BACKGROUND.values(), ids=BACKGROUND)


@EACH_BACKGROUND
def test_background_request_starts_nothing_and_names_the_login_url(browser, headers):
    response = browser.get(LOGIN, **headers)
    assert response.status_code == 401
    assert json.loads(response.content)["code"] == "navigation_needed"
    assert json.loads(response.content)["sign_in_url"] == response["Sign-In-URL"] == LOGIN
    assert response["Cache-Control"] == "no-store"
    assert "WWW-Authenticate" not in response
    assert not response.cookies
    assert not browser.client.cookies
    assert not FlowTransaction.objects.exists()
    assert not Session.objects.exists()


@EACH_BACKGROUND
def test_ten_background_requests_leave_the_users_attempt_alone(browser, headers):
    callback = browser.authorize(browser.start("/profile/?tab=2"), ADA)
    for _ in range(10):
        browser.get("/auth/login/?next=/api/news/", **headers)
    assert the_row().state == "awaiting_callback"
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


@pytest.mark.parametrize("headers", NAVIGATIONS.values(), ids=NAVIGATIONS)
def test_navigation_starts_a_sign_in(browser, headers):
    assert browser.get(LOGIN, **headers).status_code == 303


@pytest.mark.parametrize("headers", [FETCH, {"HTTP_HX_REQUEST": "true"}], ids=["fetch", "htmx"])
def test_background_form_starts_nothing_and_names_the_login_url(strict_browser, headers):
    response = strict_browser.post("/auth/login/", {"next": "/profile/?tab=2"}, **headers)
    assert (response.status_code, response["Sign-In-URL"]) == (401, LOGIN)
    assert not FlowTransaction.objects.exists()


def test_htmx_is_sent_to_the_login_url_by_its_own_header(browser):
    response = browser.get(LOGIN, HTTP_HX_REQUEST="true")
    assert response["HX-Redirect"] == LOGIN
    assert browser.get(response["HX-Redirect"], **NAVIGATION).status_code == 303


def test_htmx_comes_back_to_the_page_that_it_showed(browser):
    """What it asked for is a part of a page."""
    shown = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "https://app.example/news/?page=2"}
    response = browser.get(LOGIN, **shown)
    assert response["HX-Redirect"] == "/auth/login/?next=https%3A//app.example/news/%3Fpage%3D2"
    assert browser.get(LOGIN, HTTP_HX_BOOSTED="true", **shown)["HX-Redirect"] == LOGIN
    foreign = {**shown, "HTTP_HX_CURRENT_URL": "https://evil.example/"}
    assert browser.get(LOGIN, **foreign)["HX-Redirect"] == LOGIN


def test_foreign_next_is_not_named_to_a_script(browser):
    response = browser.get("/auth/login/?next=//evil.example/", HTTP_HX_REQUEST="true")
    assert browser.authorize(browser.get(response["HX-Redirect"])["Location"], ADA)
    assert "next" not in the_row().inputs


@pytest.mark.parametrize("headers", [FETCH, {"HTTP_HX_REQUEST": "true"}], ids=["fetch", "htmx"])
def test_setting_names_the_flows_that_scripts_may_start(browser, configure, headers):
    configure(ALLOW_BACKGROUND_STARTS_OF=["login"])
    assert browser.get(LOGIN, **headers).status_code == 303
    configure(ALLOW_BACKGROUND_STARTS_OF=["disconnect_account"])
    assert browser.get(LOGIN, **headers).status_code == 401


def test_prefetch_starts_nothing_where_scripts_may(browser, configure):
    configure(ALLOW_BACKGROUND_STARTS_OF=["login"])
    assert browser.get(LOGIN, HTTP_SEC_PURPOSE="prefetch").status_code == 401


@pytest.mark.parametrize("destination", ["iframe", "frame"])
def test_frame_starts_a_sign_in_where_sites_may_frame_pages(browser, configure, destination):
    configure(FRAME_ANCESTORS=["https://teams.example"])
    framed = {**NAVIGATION, "HTTP_SEC_FETCH_DEST": destination}
    assert browser.get(LOGIN, **framed).status_code == 303


class TestOwnViews:
    """Views of a project that start a flow."""

    @pytest.fixture(autouse=True)
    def site(self):
        with override_settings(ROOT_URLCONF=__name__):
            yield

    @EACH_BACKGROUND
    @pytest.mark.parametrize("page", ["/enter/", "/bare/", "/flow/"])
    def test_a_background_request_to_a_projects_view_starts_nothing(self, browser, headers, page):
        response = browser.get(f"{page}?next=/profile/", **headers)
        assert response.status_code in (401, 204)  # `flow_view` answers a prefetch before it asks the view
        assert not response.cookies
        assert not FlowTransaction.objects.exists()

    @pytest.mark.parametrize("method", ["head", "options"])
    def test_another_method_on_a_projects_view_starts_nothing(self, browser, method):
        assert browser._ask(method, "/enter/", {}).status_code == 401
        assert not FlowTransaction.objects.exists()

    def test_two_slashes_are_no_other_host(self, browser):
        response = browser.client.get("//evil.example/enter/", secure=True, HTTP_HX_REQUEST="true")
        assert response.get("HX-Redirect", "/")[:2] != "//"


@pytest.mark.parametrize("headers", [FETCH, {"HTTP_HX_REQUEST": "true"}], ids=["fetch", "htmx"])
@pytest.mark.parametrize("page", ["connect", "disconnect", "unlink", "step-up"])
def test_background_form_starts_no_flow_of_accounts(browser, tenant, headers, page):
    accounts_site.prepare(tenant)
    with accounts_site.site():
        browser.sign_in(ADA)
        rows = FlowTransaction.objects.count()
        sent = {"connection": "github", "account": "cac_1", "link": "1"}
        response = browser.post(f"/auth/{page}/", sent, **headers)
        assert (response.status_code, response["Sign-In-URL"]) == (401, "/auth/login/")
        assert FlowTransaction.objects.count() == rows


@flow_view
def enter(request: HttpRequest) -> HttpResponse:
    return start_login(request)


def bare(request: HttpRequest) -> HttpResponse:
    return start_login(request)


@flow_view
def flow(request: HttpRequest) -> HttpResponse:
    return start_flow(request, "shop.gift", {})


urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("enter/", enter),
    path("bare/", bare),
    path("flow/", flow),
    path("/evil.example/enter/", enter),
]
