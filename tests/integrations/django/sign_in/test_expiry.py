"""A sign-in has a deadline, and says so when it is over."""

from __future__ import annotations

import pytest

from tests.support.error_pages import Form, error_code, shown
from tests.support.rows import check_rows, steps, the_row

pytestmark = pytest.mark.database

ADA = "ada@example.com"


def test_just_before_the_deadline_it_works(browser, clock):
    callback = browser.visitor.authorize(browser.start(), ADA)
    clock.advance(599)
    assert browser.get(callback)["Location"] == "/profile/"


@pytest.mark.security("S6")
@pytest.mark.parametrize("seconds", [600, 601, 3_900])
def test_at_the_deadline_it_has_expired_and_no_code_is_sent(browser, clock, tenant, seconds):
    callback = browser.visitor.authorize(browser.start(), ADA)
    clock.advance(seconds)
    assert shown(browser, browser.get(callback)) == ("transaction_expired", 410)
    assert tenant.requests["/oauth/token"] == 0
    assert steps()[-1] == ("awaiting_callback", "expire", "expired")
    assert the_row().secrets is None
    check_rows()


@pytest.mark.security("B7")
def test_a_callback_that_is_days_old_belongs_to_no_browser_and_sends_no_code(browser, clock, tenant):
    """Authlib and mozilla-django-oidc accept a state that is 13 days old. The binding is over by then."""
    callback = browser.visitor.authorize(browser.start(), ADA)
    clock.advance(13 * 86_400)
    assert error_code(browser.get(callback)) == "browser_unknown"
    assert tenant.requests["/oauth/token"] == 0


def test_the_deadline_is_a_setting(browser, clock, configure):
    configure(TRANSACTION_LIFETIME=30)
    callback = browser.visitor.authorize(browser.start(), ADA)
    clock.advance(31)
    assert error_code(browser.get(callback)) == "transaction_expired"


def test_a_late_error_response_has_expired_like_any_other(browser, clock):
    callback = browser.visitor.decline(browser.start())
    clock.advance(601)
    assert error_code(browser.get(str(callback))) == "transaction_expired"


@pytest.mark.security("S6")
def test_expired_stays_expired_when_the_clock_is_set_back(browser, clock):
    """Final means final."""
    callback = browser.visitor.authorize(browser.start(), ADA)
    clock.advance(601)
    browser.get(callback)
    clock.advance(-300)
    assert error_code(browser.get(callback)) == "transaction_expired"
    assert browser.user_id is None


@pytest.mark.security("S6")
def test_the_page_of_an_expired_attempt_starts_a_new_one_with_the_same_destination(strict_browser, clock):
    """Expiry is a way on, not a dead end."""
    browser = strict_browser
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    clock.advance(601)
    page = browser.opens(browser.get(callback))
    again = Form.of(page).submit(browser)
    assert again.status_code == 303, again.content.decode()
    assert browser.get(browser.visitor.authorize(again["Location"], ADA))["Location"] == "/profile/?tab=2"


def test_an_attempt_nobody_finishes_is_expired_by_who_looks_at_its_progress(browser, clock):
    browser.start()
    clock.advance(601)
    assert error_code(browser.get(f"/auth/progress/{the_row().pk}/")) == "transaction_expired"
    assert the_row().state == "expired"
