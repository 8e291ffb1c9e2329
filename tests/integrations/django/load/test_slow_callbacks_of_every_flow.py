"""A callback of each flow whose call is slow: the browser ends where it would have, signed in."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site, rows
from tests.support.deliveries import copies
from tests.support.link_pages import asked
from tests.support.slow_calls import SlowCalls

pytestmark = pytest.mark.database

ADA, GMAIL = "ada@example.com", "ada@gmail.example"


@pytest.fixture
def calls(tenant, monkeypatch):
    calls = SlowCalls()
    calls.are_slow = False
    monkeypatch.setattr(wiring, "background", lambda: calls)
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield calls


def signing_in(tenant, browser):
    return browser.authorize(browser.start("/profile/?of=login"), ADA)


def connecting(tenant, browser):
    tenant.add_user(email=GMAIL, connection="google-oauth2", user_id="900", signed_up=False)
    browser.sign_in(ADA)
    form = {"connection": "google-oauth2", "next": "/profile/?of=connect"}
    return browser.visitor.connect(browser.post("/auth/connect/", form)["Location"], as_account=GMAIL)


def stepping_up(tenant, browser):
    browser.sign_in(ADA)
    started = browser.post("/auth/step-up/", {"next": "/profile/?of=step-up", "max_age": "0"})
    return browser.authorize(started["Location"], ADA)


def linking(tenant, browser):
    tenant.add_user(email="pair@example.com", connection="google-oauth2", user_id="901")
    tenant.add_user(email="pair@example.com", password="a good one", user_id="pair")
    question = asked(browser, browser.sign_in("auth0|pair", next_url="/profile/?of=link"))
    confirmed = browser.post(f"{question.address}confirm/", {"account": ""})
    return browser.authorize(confirmed["Location"], "google-oauth2|901")


FLOWS = {"login": signing_in, "connect": connecting, "step-up": stepping_up, "link": linking}


def left_alone(calls, browser, callback):
    """Bring a callback whose call is slow; return the progress page."""
    calls.are_slow = True
    response = browser.get(callback)
    calls.are_slow = False
    assert response["Location"].startswith("/auth/progress/")
    assert browser.get(response["Location"]).status_code == 202
    return response["Location"]


@pytest.mark.parametrize("flow", FLOWS)
def test_slow_callback_ends_signed_in_where_it_was_to_go(calls, tenant, browser, flow):
    progress = left_alone(calls, browser, FLOWS[flow](tenant, browser))
    calls.finish()
    assert browser.get(progress)["Location"] == f"/profile/?of={flow}"
    assert browser.user_id is not None
    rows.check_rows()
    rows.nothing_working()


@pytest.mark.parametrize("flow", FLOWS)
def test_second_tab_with_a_slow_callback_ends_there_too(calls, tenant, browser, flow):
    callback = FLOWS[flow](tenant, browser)
    (other,) = copies(browser, tenant, 1)
    left_alone(calls, browser, callback)
    assert other.get(callback)["Location"].startswith("/auth/progress/")
    calls.finish()
    assert other.get(callback)["Location"] == f"/profile/?of={flow}"
    assert other.user_id is not None


@pytest.mark.parametrize("flow", FLOWS)
def test_process_that_dies_with_a_slow_call_leaves_no_dead_end(calls, tenant, browser, flow, clock):
    progress = left_alone(calls, browser, FLOWS[flow](tenant, browser))
    calls.die()
    clock.advance(60)
    assert browser.get(progress).status_code == 303
    rows.nothing_working()
    rows.check_rows()


def test_slow_connection_is_not_shown_to_a_user_who_signed_in_meanwhile(calls, tenant, browser):
    progress = left_alone(calls, browser, connecting(tenant, browser))
    browser.post("/auth/logout/")
    Browser(tenant).sign_in(ADA)
    calls.finish()
    browser.get(progress)
    assert browser.user_id is None
