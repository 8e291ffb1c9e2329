"""Pushed authorization requests (RFC 9126), when they are on."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from stateful_oauth.storage.models import FlowTransaction
from tests.support.crashes import crash_at
from tests.support.error_pages import Form, error_code, shown
from tests.support.rows import check_rows, nothing_working, steps, the_row

pytestmark = pytest.mark.database

ADA = "ada@example.com"
PAR = "/oauth/par"


@pytest.fixture(autouse=True)
def pushing(tenant, configure):
    tenant.settings.par = True
    tenant.clients["web"].require_par = True
    configure(PUSHED_AUTHORIZATION_REQUESTS=True)


@pytest.mark.security("S11", "B12")
def test_the_request_is_pushed_and_the_address_names_only_the_client_and_the_reference(browser, tenant):
    """A setting either works or does not exist. Nothing of the request is in the history."""
    location = browser.start("/profile/?tab=2")
    query = parse_qs(urlsplit(location).query)
    assert set(query) == {"client_id", "request_uri"}
    assert query["request_uri"][0].startswith("urn:ietf:params:oauth:request_uri:")
    assert tenant.ledger.count("par_pushed", client_id="web") == 1
    assert browser.get(browser.visitor.authorize(location, ADA))["Location"] == "/profile/?tab=2"
    assert steps()[:2] == [
        ("created", "start", "pushing_request"),
        ("pushing_request", "request_pushed", "awaiting_callback"),
    ]
    check_rows()


def test_every_tab_pushes_its_own(browser, tenant):
    tabs = [browser.start(f"/profile/?tab={number}") for number in range(2)]
    assert tenant.ledger.count("par_pushed") == 2
    for number, tab in enumerate(tabs):
        assert browser.get(browser.visitor.authorize(tab, ADA))["Location"] == f"/profile/?tab={number}"


@pytest.mark.parametrize(
    ("kind", "details", "code", "status"),
    [
        ("answer", {"status": 400, "json": {"error": "invalid_request"}}, "request_rejected", 502),
        ("answer", {"status": 401, "json": {"error": "invalid_client"}}, "client_rejected", 502),
        ("rate_limit", {}, "rate_limited", 503),
    ],
)
def test_a_refused_push_fails_the_start_with_its_code(browser, tenant, kind, details, code, status):
    tenant.faults.add(PAR, kind, **details)
    response = browser.get("/auth/login/?next=/profile/%3Ftab=2")
    assert shown(browser, response) == (code, status)
    assert the_row().state == "failed"
    again = Form.of(browser.opens(response)).submit(browser)["Location"]
    assert browser.get(browser.visitor.authorize(again, ADA))["Location"] == "/profile/?tab=2"


@pytest.mark.parametrize(
    "kind", ["lost_answer", "lost_request", "html", "empty", "server_error", "slow", "redirect"]
)
def test_a_push_whose_answer_is_lost_is_repeated(browser, tenant, kind):
    """A request that nobody uses expires by itself."""
    tenant.faults.add(PAR, kind)
    assert browser.sign_in(ADA)["Location"] == "/profile/"
    assert steps()[1] == ("pushing_request", "retry", "pushing_request")


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [("lost_answer", "provider_answer_lost", 504), ("html", "provider_answer_invalid", 502)],
)
def test_a_push_that_is_never_answered_comes_to_an_end(browser, tenant, kind, code, status):
    tenant.faults.add(PAR, kind, times=None)
    assert shown(browser, browser.get("/auth/login/")) == (code, status)
    assert tenant.faults.planned()[0].fired == 3
    nothing_working()
    check_rows()


def test_a_worker_that_dies_while_pushing_is_followed_by_the_progress_page(browser, clock):
    browser.start()  # the browser has its cookie
    known = the_row().pk
    with crash_at("effect.after", "push_request"):
        browser.get("/auth/login/?next=/profile/%3Ftab=2")
    row = FlowTransaction.objects.exclude(pk=known).get()
    progress = f"/auth/progress/{row.pk}/"
    assert browser.get(progress).status_code == 202
    clock.advance(60)
    location = browser.get(progress)["Location"]
    assert browser.get(browser.visitor.authorize(location, ADA))["Location"] == "/profile/?tab=2"


def test_a_provider_without_the_endpoint_starts_no_sign_in(browser, tenant):
    tenant.settings.par = False
    assert error_code(browser.get("/auth/login/")) == "discovery_invalid"


def test_when_it_is_off_nothing_is_pushed(browser, tenant, configure):
    configure(PUSHED_AUTHORIZATION_REQUESTS=False)
    tenant.clients["web"].require_par = False
    assert browser.sign_in(ADA)["Location"] == "/profile/"
    assert tenant.requests[PAR] == 0
