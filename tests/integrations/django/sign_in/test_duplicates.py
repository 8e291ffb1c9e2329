"""The same callback more than once: one delivery does the work, and every other gets its outcome."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from tests.support.crashes import at, crash_at
from tests.support.error_pages import error_code, shown
from tests.support.rows import check_rows, steps, the_row

pytestmark = pytest.mark.database

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def finished(browser):
    """A callback that has signed its browser in."""
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    browser.get(callback)
    return callback


@pytest.mark.security("S5", "S6")
def test_a_second_delivery_lands_at_the_same_place_and_sends_no_second_code(browser, finished, tenant):
    """Reload, double click, the back button."""
    session = browser.client.session.session_key
    for _ in range(3):
        assert browser.get(finished)["Location"] == "/profile/?tab=2"
    assert tenant.requests["/oauth/token"] == 1
    assert browser.client.session.session_key == session
    assert steps()[-1] == ("resolving_account", "account_resolved", "signed_in")
    check_rows()


@pytest.mark.security("S6")
def test_a_second_delivery_after_the_grace_finds_the_user_still_signed_in(browser, finished, clock):
    """An old tab continues, and does not fail."""
    clock.advance(3600)
    assert browser.get(finished)["Location"] == "/profile/?tab=2"


@pytest.mark.security("S5")
def test_the_browser_that_lost_the_winners_answer_gets_a_session_of_its_own(browser, finished, tenant):
    """Safari and iOS deliver twice, and follow the last answer only."""
    winner = browser.client.session.session_key
    del browser.client.cookies["sessionid"]
    assert browser.get(finished)["Location"] == "/profile/?tab=2"
    assert browser.user_id is not None
    assert browser.client.session.session_key != winner
    assert browser.client.session["stateful_oauth"]["sub"].startswith("auth0|")
    assert tenant.requests["/oauth/token"] == 1


@pytest.mark.security("S6")
def test_after_the_grace_a_callback_signs_nobody_in_again(browser, finished, clock):
    del browser.client.cookies["sessionid"]
    clock.advance(61)
    assert shown(browser, browser.get(finished)) == ("already_completed", 409)
    assert browser.user_id is None


def test_the_grace_is_a_setting(browser, finished, clock, configure):
    configure(DUPLICATE_GRACE=5)
    del browser.client.cookies["sessionid"]
    clock.advance(6)
    assert error_code(browser.get(finished)) == "already_completed"


@pytest.mark.security("S6", "B29")
def test_after_signing_out_the_back_button_does_not_sign_in_again(browser, finished):
    browser.post("/auth/logout/")
    assert shown(browser, browser.get(finished)) == ("browser_unknown", 403)
    assert browser.user_id is None


@pytest.mark.security("L15")
def test_somebody_deactivated_since_is_not_signed_in_again(browser, finished):
    get_user_model().objects.update(is_active=False)
    del browser.client.cookies["sessionid"]
    assert error_code(browser.get(finished)) == "already_completed"
    assert browser.user_id is None


def test_somebody_deleted_since_is_not_signed_in_again(browser, finished):
    get_user_model().objects.all().delete()
    del browser.client.cookies["sessionid"]
    assert error_code(browser.get(finished)) == "already_completed"
    assert browser.user_id is None


@pytest.mark.security("S6")
def test_a_late_delivery_does_not_end_the_session_of_who_signed_in_since(browser, finished):
    """The callback of before an account switch, by the back button."""
    browser.visitor.cookies.clear()
    browser.sign_in(BOB)
    bob = browser.user_id
    assert error_code(browser.get(finished)) == "already_completed"
    assert browser.user_id == bob


@pytest.mark.security("S5")
def test_another_code_with_a_used_state_is_not_sent(browser, finished, tenant):
    state = finished.fields["state"]
    assert browser.get(f"/auth/callback/?code=another&state={state}")["Location"] == "/profile/?tab=2"
    assert tenant.requests["/oauth/token"] == 1


@pytest.mark.security("S7")
def test_an_error_with_a_used_state_changes_nothing(browser, finished):
    user = browser.user_id
    state = finished.fields["state"]
    assert browser.get(f"/auth/callback/?error=access_denied&state={state}")["Location"] == "/profile/?tab=2"
    assert (browser.user_id, the_row().state) == (user, "signed_in")


def test_a_second_delivery_of_a_failure_shows_the_same_page(browser, tenant):
    callback = browser.visitor.authorize(browser.start(), ADA)
    tenant.faults.add("/oauth/token", "answer", status=400, json={"error": "invalid_grant"})
    for _ in range(2):
        assert shown(browser, browser.get(callback)) == ("code_rejected", 400)
    assert tenant.requests["/oauth/token"] == 1


@pytest.mark.security("S5")
def test_a_delivery_while_the_first_is_worked_on_waits_and_then_follows(browser, tenant, clock):
    """A double click: auth0/nextjs-auth0#1495."""
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    seen = []

    def click_again():
        late = browser.get(callback)
        seen.extend([late, browser.opens(late)])

    with at("effect.after", "exchange_code", click_again):
        assert browser.get(callback)["Location"] == "/profile/?tab=2"

    late, page = seen
    assert late["Location"] == f"/auth/progress/{the_row().pk}/"
    assert clock.slept == pytest.approx(3, abs=0.1)  # the setting DUPLICATE_PATIENCE
    assert (page.status_code, page["Refresh"]) == (202, "1")
    assert browser.opens(late)["Location"] == "/profile/?tab=2"
    assert tenant.requests["/oauth/token"] == 1


@pytest.mark.security("S5", "L12")
def test_who_waits_for_a_worker_that_died_is_told_when_its_lease_is_over(browser, clock, tenant):
    """The code is not sent again."""
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    with crash_at("effect.after", "exchange_code"):
        browser.get(callback)
    waiting = browser.get(callback)
    assert browser.opens(waiting).status_code == 202
    clock.advance(60)
    response = browser.opens(waiting)
    assert shown(browser, response) == ("code_exchange_lost", 504)
    assert "/profile/?tab=2" in browser.opens(response).content.decode()
    assert tenant.requests["/oauth/token"] == 1
    check_rows()
