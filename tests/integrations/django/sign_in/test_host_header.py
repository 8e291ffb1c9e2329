"""The request's Host header has no say: addresses come from BASE_URL."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

ADA = "ada@example.com"
CALLBACK = "https://app.example/auth/callback/"


def redirect_uri(location):
    return parse_qs(urlsplit(location).query)["redirect_uri"]


def start(browser, next_url="", **headers):
    """Start a sign-in, by way of `BASE_URL` from another host; return the authorization URL."""
    location = browser.start(next_url, **headers)
    return (
        browser.get(location)["Location"]
        if location.startswith("https://app.example/auth/login/")
        else location
    )


@pytest.mark.security("S10")
@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_HOST": "evil.example"},  # allowed by ALLOWED_HOSTS, as on a site behind a wildcard
        {"HTTP_HOST": "app.example:8443"},
        {"HTTP_X_FORWARDED_HOST": "evil.example"},
        {"HTTP_X_FORWARDED_PROTO": "http"},
        {"HTTP_FORWARDED": "host=evil.example;proto=http"},
    ],
    ids=str,
)
def test_the_redirect_uri_is_the_same_whatever_the_request_says(browser, settings, headers):
    settings.USE_X_FORWARDED_HOST = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert redirect_uri(start(browser, **headers)) == [CALLBACK]


@pytest.mark.security("S10")
def test_the_exchange_sends_the_redirect_uri_of_the_start(browser, tenant):
    """Stored in the transaction, and sent again to the letter."""
    callback = browser.visitor.authorize(browser.start(), ADA)
    assert browser.get(callback, HTTP_HOST="evil.example")["Location"] == "/profile/"
    assert tenant.ledger.count("code_exchanged") == 1


@pytest.mark.security("S9", "S10")
def test_next_to_a_host_that_only_allowed_hosts_knows_is_not_followed(browser):
    callback = browser.visitor.authorize(
        start(browser, "https://evil.example/", HTTP_HOST="evil.example"), ADA
    )
    assert browser.get(callback)["Location"] in ("/profile/", "/")  # as a path of this site, or not at all


def test_redirects_to_our_own_pages_name_no_host(browser):
    refused = browser.get("/auth/callback/?code=x", HTTP_HOST="evil.example")
    # The empty fragment keeps the browser from carrying over one that the callback URL had.
    assert refused["Location"] == "/auth/error/state_missing/#"


def test_signing_out_returns_to_the_site_whatever_the_request_says(browser):
    browser.sign_in(ADA)
    location = browser.post("/auth/logout/", HTTP_HOST="evil.example")["Location"]
    assert parse_qs(urlsplit(location).query)["post_logout_redirect_uri"] == ["https://app.example/"]


def test_a_host_that_is_not_allowed_is_refused_by_django(browser):
    assert browser.get("/auth/login/", HTTP_HOST="unknown.example").status_code == 400


def test_the_address_follows_base_url(browser, configure):
    configure(BASE_URL="https://evil.example/")
    assert redirect_uri(browser.start()) == ["https://evil.example/auth/callback/"]
