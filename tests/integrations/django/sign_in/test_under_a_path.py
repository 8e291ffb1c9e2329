"""A site that is mounted under a path: every URL that the package makes stays under it."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import set_script_prefix

from stateful_oauth.testing.browser import Browser
from tests.support.crashes import crash_at
from tests.support.error_pages import Form

pytestmark = [pytest.mark.database_in_ci, pytest.mark.security("S10")]

ADA = "ada@example.com"
LINKS = re.compile(r'(?:action|href)="(/[^"]*)"')


@pytest.fixture(params=["FORCE_SCRIPT_NAME", "mounted by the server", "stripped by a proxy"])
def mounted(request, tenant, db, settings, configure):
    """A browser that sees the site under `/app/`."""
    headers = {}
    if request.param == "FORCE_SCRIPT_NAME":
        settings.FORCE_SCRIPT_NAME = "/app"
    elif request.param == "mounted by the server":
        headers = {"SCRIPT_NAME": "/app"}
    else:
        configure(TRUST_X_FORWARDED_PREFIX=True)
        headers = {"HTTP_X_FORWARDED_PREFIX": "/app/"}
    # Django's handlers do that; the handler of its test client does not.
    set_script_prefix("/" if "HTTP_X_FORWARDED_PREFIX" in headers else "/app/")
    tenant.clients["web"].callbacks = ["https://app.example/app/auth/callback/"]
    tenant.clients["web"].logout_urls = ["https://app.example/app/"]

    class Mounted(Browser):
        def _ask(self, method, url, added, *data):
            parts = urlsplit(url)
            path = parts.path if settings.FORCE_SCRIPT_NAME else parts.path.removeprefix("/app")
            return super()._ask(method, parts._replace(path=path).geturl(), {**headers, **added}, *data)

    yield Mounted(tenant)
    set_script_prefix("/")


def start(browser, next_url="/app/profile/?tab=2"):
    return browser.get(f"/app/auth/login/?next={next_url}")["Location"]


def test_sign_in_stays_under_the_path(mounted):
    location = start(mounted)
    assert parse_qs(urlsplit(location).query)["redirect_uri"] == ["https://app.example/app/auth/callback/"]
    callback = mounted.authorize(location, ADA)
    assert mounted.get(callback)["Location"] == "/app/profile/?tab=2"


def test_refusal_and_new_start_stay_under_the_path(mounted):
    refused = mounted.get(str(mounted.visitor.decline(start(mounted))))
    assert refused["Location"].startswith("/app/auth/error/access_denied/")
    page = mounted.opens(refused)
    assert Form.of(page).action == "/app/auth/login/"
    assert all(link.startswith("/app/") for link in LINKS.findall(page.content.decode()))


def test_progress_page_stays_under_the_path(mounted):
    callback = mounted.authorize(start(mounted), ADA)
    with crash_at("effect.before", "exchange_code"):
        mounted.get(callback)
    assert mounted.get(callback)["Location"].startswith("/app/auth/progress/")


@pytest.mark.parametrize("page", ["restart/", "error/transaction_expired/", "error/connection_unknown/"])
def test_links_of_pages_stay_under_the_path(mounted, page):
    links = LINKS.findall(mounted.get(f"/app/auth/{page}").content.decode())
    assert "/app/auth/login/" in links


def test_sign_out_returns_under_the_path(mounted, configure):
    mounted.get(mounted.authorize(start(mounted), ADA))
    location = mounted.post("/app/auth/logout/")["Location"]
    home = parse_qs(urlsplit(location).query)["post_logout_redirect_uri"]
    assert home == ["https://app.example/app/"]


@pytest.mark.parametrize("path", ["/goodbye/", "/app/goodbye/"])
def test_path_after_sign_out_is_under_the_path_once(mounted, configure, path):
    configure(LOGOUT_RETURN_PATH=path)
    mounted.get(mounted.authorize(start(mounted), ADA))
    location = mounted.post("/app/auth/logout/")["Location"]
    home = parse_qs(urlsplit(location).query)["post_logout_redirect_uri"]
    assert home == ["https://app.example/app/goodbye/"]


def test_script_is_told_a_login_url_under_the_path(mounted):
    response = mounted.get("/app/auth/login/?next=/app/profile/", HTTP_HX_REQUEST="true")
    assert response["HX-Redirect"] == "/app/auth/login/?next=/app/profile/"
    assert json.loads(response.content)["sign_in_url"] == response["Sign-In-URL"]


def test_start_at_another_host_stays_under_the_path(mounted):
    location = mounted.get("/app/auth/login/", HTTP_HOST="evil.example")["Location"]
    assert location.startswith("https://app.example/app/auth/login/?")


def test_cookie_keeps_the_path_that_its_prefix_demands(mounted):
    response = mounted.get("/app/auth/login/")
    assert {morsel["path"] for morsel in response.cookies.values()} == {"/"}


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "/\\evil.example", "https://evil.example", "/a?b", "/a/../b c"]
)
def test_forwarded_prefix_that_is_no_plain_path_is_not_taken(browser, configure, prefix):
    configure(TRUST_X_FORWARDED_PREFIX=True)
    location = browser.start(HTTP_X_FORWARDED_PREFIX=prefix)
    assert parse_qs(urlsplit(location).query)["redirect_uri"] == ["https://app.example/auth/callback/"]


def test_forwarded_prefix_is_not_read_by_default(browser):
    location = browser.start(HTTP_X_FORWARDED_PREFIX="/app")
    assert parse_qs(urlsplit(location).query)["redirect_uri"] == ["https://app.example/auth/callback/"]
