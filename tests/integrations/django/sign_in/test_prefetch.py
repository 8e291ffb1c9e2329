"""A browser that only guesses claims nothing."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import FlowTransaction
from tests.support.rows import steps, the_row

pytestmark = pytest.mark.database_in_ci

ADA = "ada@example.com"
GUESSES = [
    {"HTTP_SEC_PURPOSE": "prefetch"},
    {"HTTP_SEC_PURPOSE": "prefetch;prerender"},
    {"HTTP_SEC_PURPOSE": "prefetch;anonymous-client-ip"},
    {"HTTP_SEC_PURPOSE": "Prerender"},
    {"HTTP_PURPOSE": "prefetch"},
    {"HTTP_PURPOSE": "Prefetch"},
    {"HTTP_X_PURPOSE": "preview"},
    {"HTTP_X_MOZ": "prefetch"},
]


@pytest.mark.security("S5", "S18")
@pytest.mark.parametrize("headers", GUESSES, ids=str)
def test_a_prefetched_sign_in_makes_no_row_and_no_cookie(browser, headers):
    """See auth0/nextjs-auth0#2748."""
    response = browser.get("/auth/login/", **headers)
    assert (response.status_code, dict(response.cookies)) == (401, {})  # browsers discard what is no 2xx
    assert not FlowTransaction.objects.exists()


@pytest.mark.security("S5")
@pytest.mark.parametrize("headers", GUESSES, ids=str)
def test_a_prefetched_callback_burns_no_code(browser, tenant, headers):
    """Opera fetches the callback twice: streamlit/streamlit#15568."""
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    response = browser.get(callback, **headers)
    assert (response.status_code, response["Cache-Control"]) == (204, "no-store")
    assert the_row().state == "awaiting_callback"
    assert tenant.requests["/oauth/token"] == 0
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


@pytest.mark.parametrize("headers", GUESSES, ids=str)
def test_a_prefetched_progress_page_moves_nothing(browser, clock, headers):
    browser.start()
    clock.advance(601)
    assert browser.get(f"/auth/progress/{the_row().pk}/", **headers).status_code == 204
    assert len(steps()) == 1


def test_a_prefetched_sign_out_signs_nobody_out(browser):
    browser.sign_in(ADA)
    assert browser.post("/auth/logout/", HTTP_SEC_PURPOSE="prefetch").status_code == 204
    assert browser.user_id is not None


@pytest.mark.security("S5", "S13")
def test_a_head_request_claims_and_starts_nothing(browser, tenant, clock):
    """Link checkers and mail scanners."""
    assert browser._ask("head", "/auth/login/", {}).status_code == 405
    assert not FlowTransaction.objects.exists()
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    assert browser._ask("head", callback, {}).status_code == 405
    assert the_row().state == "awaiting_callback"
    clock.advance(601)
    assert browser._ask("head", f"/auth/progress/{the_row().pk}/", {}).status_code == 405
    assert the_row().state == "awaiting_callback"


def test_other_purposes_are_real_visits(browser):
    assert browser.get("/auth/login/", HTTP_SEC_PURPOSE="", HTTP_PURPOSE="navigate").status_code == 303
