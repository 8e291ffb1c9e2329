"""A sign-in has a deadline, and says so when it is over."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import FlowTransaction
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


# A user who is signed in by now.


@pytest.fixture(params=["expired", "superseded"])
def over(request, browser, clock, configure):
    """The callback of an attempt that is over, of a browser that then signed in."""
    configure(OPEN_PER_BROWSER=1)
    callback = browser.authorize(browser.start("/profile/?tab=old"), ADA)
    clock.advance(1 if request.param == "superseded" else 601)
    browser.sign_in(ADA, "/profile/?tab=new")
    return callback


def test_attempt_of_a_user_who_is_signed_in_by_now_goes_on_to_its_next(browser, tenant, over):
    codes = tenant.ledger.count("code_exchanged")
    for _ in range(2):
        assert browser.get(over)["Location"] == "/profile/?tab=old"
    assert tenant.ledger.count("code_exchanged") == codes
    check_rows()


def test_attempt_of_a_user_who_signed_out_again_says_that_it_is_over(browser, over):
    browser.client.session.flush()
    assert error_code(browser.get(over)) in ("transaction_expired", "superseded")


@pytest.mark.security("S9")
def test_attempt_that_is_over_leads_to_no_host_that_is_not_allowed(browser, over):
    row = FlowTransaction.objects.earliest("created_at")
    row.inputs = {**row.inputs, "next": "https://evil.example/"}
    row.save()
    assert browser.get(over)["Location"] == "/profile/"


def test_error_page_of_another_tab_goes_on_once_a_user_is_signed_in(browser, clock):
    callback = browser.authorize(browser.start("/profile/?tab=old"), ADA)
    clock.advance(601)
    page = browser.get(callback)["Location"]
    assert browser.get(page).status_code == 410
    browser.sign_in(ADA)
    assert browser.get(page)["Location"] == "/profile/?tab=old"


def test_progress_page_of_an_attempt_that_is_over_goes_on_as_well(browser, over):
    row = FlowTransaction.objects.earliest("created_at")
    assert browser.get(f"/auth/progress/{row.pk}/")["Location"] == "/profile/?tab=old"
