"""At most so many effects at once: what finds no room is not claimed, and comes again by itself."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import FlowTransaction
from tests.support.counting import counted
from tests.support.error_pages import error_code
from tests.support.rows import check_rows

pytestmark = pytest.mark.database

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def full(configure, slow, another_browser):
    """One call at once, and that one is slow."""
    configure(EFFECTS_AT_ONCE=1)
    first = another_browser()
    first.get(first.visitor.authorize(first.start(), BOB))
    return slow


def test_callback_without_room_is_not_claimed_and_comes_again(full, browser, tenant):
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    page = browser.get(callback)
    assert page.status_code == 503
    assert page["Refresh"] == page["Retry-After"] == "3"
    assert page["Referrer-Policy"] == "no-referrer"
    assert "<code>busy</code>" in page.content.decode()
    states = FlowTransaction.objects.values_list("state", flat=True)
    assert sorted(states) == ["awaiting_callback", "exchanging_code"]
    full.finish()
    full.are_slow = False
    assert browser.get(callback)["Location"] == "/profile/?tab=2"
    assert browser.user_id is not None
    assert tenant.requests["/oauth/token"] == 2
    check_rows()


def test_page_without_room_gives_no_code_away(full, browser):
    callback = browser.visitor.authorize(browser.start(), ADA)
    page = browser.get(callback).content.decode()
    assert "<form" not in page
    assert callback.fields["code"] not in page


def test_pauses_grow_with_the_number_of_those_that_wait(full, browser):
    callback = browser.visitor.authorize(browser.start(), ADA)
    pauses = [int(browser.get(callback)["Refresh"]) for _ in range(20)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 3
    assert pauses[-1] == 15


def test_callback_without_room_writes_nothing(full, browser):
    callback = browser.visitor.authorize(browser.start(), ADA)
    with counted() as count:
        browser.get(callback)
    assert [each for each in count.statements if not each.startswith("SELECT")] == []


def test_room_is_given_back_after_every_outcome(configure, browser, tenant):
    configure(EFFECTS_AT_ONCE=1)
    for _ in range(3):
        assert browser.sign_in(ADA)["Location"] == "/profile/"
    tenant.faults.add("/oauth/token", "lost_answer")
    assert error_code(browser.sign_in(ADA)) == "code_exchange_lost"
    assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_start_that_needs_no_call_needs_no_room(full, browser):
    assert browser.get("/auth/login/").status_code in (302, 303)


def test_start_that_pushes_its_request_waits_for_room(full, configure, another_browser):
    configure(PUSHED_AUTHORIZATION_REQUESTS=True)
    another_browser().get("/auth/login/")
    page = another_browser().get("/auth/login/?next=/profile/")
    assert page.status_code == 503
    assert page["Refresh"]
