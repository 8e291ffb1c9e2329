"""A callback of each flow whose call is slow: the browser ends where it would have, signed in."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site, rows
from tests.support.callbacks_of_flows import ADA, FLOWS, connecting
from tests.support.deliveries import copies
from tests.support.slow_calls import SlowCalls

pytestmark = pytest.mark.database


@pytest.fixture
def calls(tenant, monkeypatch):
    calls = SlowCalls()
    calls.are_slow = False
    monkeypatch.setattr(wiring, "background", lambda: calls)
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield calls


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
