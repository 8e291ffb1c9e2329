"""Whatever the provider answers, or does not: a code and a page, nothing left working, and a way on."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from tests.support.error_pages import Form, error_code, shown
from tests.support.rows import check_rows, nothing_working, the_row

pytestmark = pytest.mark.database_in_ci

ADA = "ada@example.com"
# Long enough that no random token of a page holds it by chance.
PLANTED = "written by somebody else"
TOKEN, KEYS, METADATA, PAR = (
    "/oauth/token",
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/oauth/par",
)


def refuses(error, status=400):
    return {"status": status, "json": {"error": error, "error_description": f"<b>{PLANTED}</b>"}}


AT_THE_EXCHANGE = [
    (TOKEN, "lost_request", {}, "code_exchange_lost", 504),
    (TOKEN, "lost_answer", {}, "code_exchange_lost", 504),
    (TOKEN, "slow", {}, "code_exchange_lost", 504),
    (TOKEN, "truncated", {}, "code_exchange_lost", 504),
    (TOKEN, "html", {}, "provider_answer_invalid", 502),
    (TOKEN, "empty", {}, "provider_answer_invalid", 502),
    (TOKEN, "malformed", {}, "provider_answer_invalid", 502),
    (TOKEN, "huge", {}, "provider_answer_invalid", 502),
    (TOKEN, "redirect", {}, "provider_answer_invalid", 502),
    (TOKEN, "server_error", {}, "provider_busy", 503),
    (TOKEN, "rate_limit", {}, "rate_limited", 503),
    (TOKEN, "answer", {"status": 200, "json": []}, "provider_answer_invalid", 502),
    (TOKEN, "answer", {"status": 200, "json": None}, "provider_answer_invalid", 502),
    (TOKEN, "answer", {"status": 200, "json": {}}, "provider_answer_invalid", 502),
    (
        TOKEN,
        "answer",
        {"status": 200, "json": {"access_token": 1, "token_type": "Bearer"}},
        "provider_answer_invalid",
        502,
    ),
    (
        TOKEN,
        "answer",
        {"status": 200, "json": {"access_token": "a", "token_type": "mac"}},
        "provider_answer_invalid",
        502,
    ),
    (
        TOKEN,
        "answer",
        {"status": 200, "json": {"access_token": "a", "token_type": "Bearer"}},
        "id_token_missing",
        502,
    ),
    (TOKEN, "answer", refuses("invalid_grant"), "code_rejected", 400),
    (TOKEN, "answer", refuses("invalid_grant", 403), "code_rejected", 400),
    (TOKEN, "answer", refuses("invalid_client", 401), "client_rejected", 502),
    (TOKEN, "answer", refuses("access_denied", 401), "client_rejected", 502),
    (TOKEN, "answer", refuses("access_denied", 403), "sign_in_refused", 403),
    (TOKEN, "answer", refuses("access_denied", 500), "sign_in_refused", 403),
    (TOKEN, "answer", refuses("unauthorized_client"), "client_rejected", 502),
    (TOKEN, "answer", refuses("unauthorized", 403), "sign_in_refused", 403),
    (TOKEN, "answer", refuses("mfa_required", 403), "step_up_required", 403),
    (TOKEN, "answer", refuses("temporarily_unavailable"), "provider_busy", 503),
    (TOKEN, "answer", refuses("server_error"), "provider_error", 502),
    (TOKEN, "answer", refuses("never_heard_of"), "request_rejected", 502),
    (TOKEN, "answer", refuses(["a", "list"]), "provider_answer_invalid", 502),
    (KEYS, "lost_request", {}, "provider_unreachable", 503),
    (KEYS, "html", {}, "provider_unreachable", 503),
    (KEYS, "empty", {}, "provider_unreachable", 503),
    (KEYS, "answer", {"status": 200, "json": {"keys": []}}, "keys_unavailable", 502),
    (KEYS, "answer", {"status": 200, "json": {"keys": "none"}}, "keys_unavailable", 502),
    (KEYS, "rate_limit", {}, "rate_limited", 503),
]


def name_of(case):
    endpoint, kind, details, *_ = case
    answer = details.get("json")
    told = answer.get("error", sorted(answer)) if isinstance(answer, dict) else answer
    return f"{endpoint} {kind}" + (f" {details['status']} {told}" if details else "")


@pytest.mark.security("S14", "B27", "B36")
@pytest.mark.parametrize(
    ("endpoint", "kind", "details", "code", "status"), AT_THE_EXCHANGE, ids=map(name_of, AT_THE_EXCHANGE)
)
def test_a_bad_answer_at_the_callback_ends_the_attempt_with_its_code_and_a_way_on(
    strict_browser, tenant, endpoint, kind, details, code, status
):
    browser = strict_browser
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    tenant.faults.add(endpoint, kind, **details)

    response = browser.get(callback)

    assert shown(browser, response) == (code, status)
    assert (the_row().state_kind, the_row().code) == ("final", code)
    assert browser.user_id is None
    assert not get_user_model().objects.exists()
    nothing_working()
    check_rows()
    page = browser.opens(response)
    assert PLANTED not in page.content.decode()
    again = Form.of(page).submit(browser)
    assert browser.get(browser.visitor.authorize(again["Location"], ADA))["Location"] == "/profile/?tab=2"


@pytest.mark.security("S5")
@pytest.mark.parametrize("kind", ["lost_request", "lost_answer", "html", "slow", "server_error", "truncated"])
def test_a_code_whose_answer_was_lost_is_never_sent_again(browser, tenant, kind):
    """A second use revokes what the first one bought."""
    callback = browser.visitor.authorize(browser.start(), ADA)
    tenant.faults.add(TOKEN, kind)
    for _ in range(3):
        browser.get(callback)
    assert tenant.requests[TOKEN] <= 1
    assert tenant.ledger.count("code_reused") == 0


AT_THE_START = [
    ("lost_request", {}, "provider_unreachable", 503),
    ("lost_answer", {}, "provider_unreachable", 503),
    ("slow", {}, "provider_unreachable", 503),
    ("server_error", {}, "provider_unreachable", 503),
    ("huge", {}, "provider_unreachable", 503),
    ("html", {}, "provider_unreachable", 503),
    ("rate_limit", {}, "rate_limited", 503),
    ("empty", {}, "discovery_invalid", 502),
    ("malformed", {}, "discovery_invalid", 502),
    ("answer", {"status": 404, "json": {}}, "discovery_invalid", 502),
    ("answer", {"status": 200, "json": {}}, "discovery_invalid", 502),
]


@pytest.mark.parametrize(("kind", "details", "code", "status"), AT_THE_START)
def test_a_provider_that_cannot_be_asked_fails_the_start_with_a_page_that_keeps_the_destination(
    strict_browser, tenant, kind, details, code, status
):
    browser = strict_browser
    tenant.faults.add(METADATA, kind, **details)
    response = browser.get("/auth/login/?next=/profile/?tab=2")
    assert shown(browser, response) == (code, status)
    assert (the_row().state, the_row().code) == ("failed", code)
    again = Form.of(browser.opens(response)).submit(browser)
    assert browser.get(browser.visitor.authorize(again["Location"], ADA))["Location"] == "/profile/?tab=2"


@pytest.mark.security("S3", "S4", "S14")
@pytest.mark.parametrize(
    "overrides",
    [
        {"code_challenge_methods_supported": ["plain"]},
        {"code_challenge_methods_supported": None},
        {"issuer": "https://evil.example/"},
        {"token_endpoint": "http://tenant.example/oauth/token"},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
def test_unsafe_metadata_starts_no_sign_in(browser, tenant, overrides):
    """PKCE is never given up, https is required, and the issuer is compared to the letter."""
    tenant.settings.discovery_overrides = overrides
    assert shown(browser, browser.get("/auth/login/")) == ("discovery_invalid", 502)


def test_an_outage_in_the_middle_destroys_nothing_that_can_still_be_finished(browser, tenant, configure):
    """The provider is needed to judge the callback, and nothing was claimed before it was asked."""
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    configure()  # another worker, whose memory of the provider is empty
    tenant.faults.add(METADATA, "lost_request")
    assert error_code(browser.get(callback)) == "provider_unreachable"
    assert the_row().state == "awaiting_callback"
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


def test_somebody_whom_the_tenant_blocks_is_told_so(browser, tenant):
    location = browser.start()
    tenant.on_login = lambda user, client: "not today <script>alert(1)</script>"
    response = browser.get(browser.visitor.authorize(location, ADA))
    assert shown(browser, response) == ("sign_in_refused", 403)
    assert "not today" not in browser.opens(response).content.decode()
