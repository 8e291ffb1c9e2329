"""Every answer of the package has the headers that suit it, with or without the project's middleware."""

from __future__ import annotations

import pytest

from tests.support.crashes import crash_at

ADA = "ada@example.com"


def open_page(browser, page):
    match page:
        case "303 to the provider":
            return browser.get("/auth/login/")
        case "303 after the callback":
            return browser.sign_in(ADA)
        case "303 to an error page":
            return browser.get("/auth/callback/?code=x&state=y")
        case "303 after signing out":
            return browser.post("/auth/logout/")
        case "401 for a prefetch":
            return browser.get("/auth/login/", HTTP_SEC_PURPOSE="prefetch")
        case "204 for a prefetch":
            return browser.get("/auth/callback/?code=x&state=y", HTTP_SEC_PURPOSE="prefetch")
        case "405 of the callback":
            return browser.post("/auth/callback/?code=x&state=y")
        case "405 of the sign-out":
            return browser.get("/auth/logout/")
        case "404 of an unknown tenant":
            return browser.get("/auth/nobody/callback/?code=x&state=y")
        case "404 of an unknown code":
            return browser.get("/auth/error/nothing/")
        case "error page":
            return browser.get("/auth/error/transaction_expired/")
        case "restart page":
            return browser.get("/auth/restart/")
        case "progress page":
            return progress_page(browser)
    raise AssertionError(page)


def progress_page(browser):
    callback = browser.visitor.authorize(browser.start(), ADA)
    with crash_at("effect.before", "exchange_code"):
        browser.get(callback)
    return browser.opens(browser.get(callback))


STATUSES = {
    "303 to the provider": 303,
    "303 after the callback": 303,
    "303 to an error page": 303,
    "303 after signing out": 303,
    "401 for a prefetch": 401,
    "204 for a prefetch": 204,
    "405 of the callback": 405,
    "405 of the sign-out": 405,
    "404 of an unknown tenant": 404,
    "404 of an unknown code": 404,
    "error page": 410,
    "restart page": 200,
    "progress page": 202,
}
WITH_A_FORM = {"405 of the sign-out", "error page", "restart page"}


@pytest.mark.security("S5", "S11", "S12", "B49")
@pytest.mark.parametrize("bare", [False, True], ids=["with middleware", "without any middleware"])
@pytest.mark.parametrize("page", STATUSES)
def test_no_page_is_stored_framed_or_named_to_others(browser, settings, page, bare):
    if bare:
        needed = ("SessionMiddleware", "AuthenticationMiddleware")
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name.endswith(needed)]
    response = open_page(browser, page)
    assert response.status_code == STATUSES[page]
    assert response["Cache-Control"] == "no-store"
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert {"Cookie", "Sec-Purpose", "Purpose", "X-Moz"} <= set(response["Vary"].split(", "))
    # With `no-referrer` browsers send `Origin: null` with a form, and Django refuses it.
    assert response["Referrer-Policy"] == ("same-origin" if page in WITH_A_FORM else "no-referrer")


@pytest.mark.security("S11")
@pytest.mark.parametrize(
    "address", ["/auth/callback/", "/auth/callback/?code=x", "/auth/callback/?error=x&state=y"]
)
def test_the_callback_never_renders_a_page(browser, address):
    """Its address may hold a code."""
    response = browser.get(address)
    assert (response.status_code, response.content) == (303, b"")


@pytest.mark.security("S11")
def test_our_own_pages_load_nothing_from_anywhere(browser):
    for address in ("/auth/restart/", "/auth/error/internal_error/"):
        page = browser.get(address)
        for part in ("<script", "src=", 'href="http', 'href="/', "@import", "url("):
            assert part not in page.content.decode()


@pytest.mark.parametrize("address", ["/auth/error/nothing/", "/auth/restart/"])
def test_a_projects_own_pages_may_load_what_they_need(browser, address):
    policy = browser.get(address)["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src" not in policy
    assert "script-src" not in policy


@pytest.mark.parametrize("page", STATUSES)
def test_named_sites_may_show_pages_in_frames(browser, configure, settings, page):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.clickjacking.XFrameOptionsMiddleware"]
    configure(FRAME_ANCESTORS=["'self'", "https://teams.example"])
    response = open_page(browser, page)
    policy = response["Content-Security-Policy"].split("; ")
    assert policy == ["frame-ancestors 'self' https://teams.example", "base-uri 'none'", "object-src 'none'"]
    assert "X-Frame-Options" not in response
    assert response["Cross-Origin-Opener-Policy"] == "unsafe-none"
