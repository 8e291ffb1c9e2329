"""A sign-in that the provider or a portal starts (OpenID Connect Core §4)."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client

from stateful_oauth.storage.models import FlowTransaction

pytestmark = [pytest.mark.django_db]

ADA = "ada@example.com"
ISSUER = "https://tenant.example/"
PAGE = "/auth/initiate-login/"


def start(browser, **query):
    return browser.get(f"{PAGE}?{urlencode({'iss': ISSUER, **query})}")


def asked(response):
    return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}


def test_portal_signs_a_user_in(browser):
    started = start(browser, target_link_uri="https://app.example/profile/?tab=2", login_hint=ADA)
    assert asked(started)["login_hint"] == ADA
    back = browser.get(browser.authorize(started["Location"], ADA))
    assert back["Location"] == "https://app.example/profile/?tab=2"
    assert browser.user_id is not None


def test_invitation_goes_on_to_the_provider(browser):
    sent = asked(
        start(browser, invitation="abc", organization="org_1", organization_name="acme", scope="all")
    )
    assert (sent["invitation"], sent["organization"]) == ("abc", "org_1")
    assert sent["scope"] == "openid profile email"


@pytest.mark.security("S4")
@pytest.mark.parametrize(
    "issuer", ["https://tenant.example", "https://evil.example/", "", "https://TENANT.example/"]
)
def test_an_initiated_login_of_another_issuer_starts_nothing(browser, issuer):
    refused = browser.get(PAGE, QUERY_STRING=f"iss={issuer}")
    assert b"<code>issuer_mismatch</code>" in refused.content
    assert not FlowTransaction.objects.exists()


def test_missing_or_repeated_issuer_starts_nothing(browser):
    assert b"<code>issuer_missing</code>" in browser.get(PAGE).content
    twice = browser.get(PAGE, QUERY_STRING=f"iss={ISSUER}&iss={ISSUER}")
    assert b"<code>issuer_mismatch</code>" in twice.content
    assert not FlowTransaction.objects.exists()


@pytest.mark.security("S9")
@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil"]
)
def test_target_elsewhere_is_left_out(browser, target):
    started = start(browser, target_link_uri=target)
    assert browser.get(browser.authorize(started["Location"], ADA))["Location"] == "/profile/"


def test_form_of_a_portal_comes_back_with_the_cookies_of_the_browser(browser):
    client = Client(enforce_csrf_checks=True)
    sent = {"iss": ISSUER, "target_link_uri": "/profile/", "login_hint": ADA, "state": "x"}
    answer = client.post(
        PAGE,
        sent,
        secure=True,
        headers={
            "host": "app.example",
            "Sec-Fetch-Site": "cross-site",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Dest": "document",
        },
    )
    assert answer.status_code == 303
    assert answer["Location"].startswith(f"{PAGE}?iss=")
    assert "state" not in answer["Location"]
    assert not FlowTransaction.objects.exists()


def test_an_initiated_login_by_a_script_starts_nothing(browser):
    browser.get(f"{PAGE}?iss={ISSUER}", HTTP_SEC_FETCH_MODE="cors", HTTP_SEC_FETCH_DEST="empty")
    assert not FlowTransaction.objects.exists()
