"""Tabs are independent: each has its own row, `state`, verifier, nonce and return address."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import error_code, shown
from tests.support.rows import check_rows

pytestmark = pytest.mark.database

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.mark.security("B6", "B49")
@pytest.mark.parametrize("first", [0, 1])
def test_two_tabs_finish_in_any_order_and_each_lands_where_it_wanted(browser, first):
    """Other libraries lose one of two tabs, or its `next`."""
    starts = [browser.start(f"/profile/?tab={number}") for number in (0, 1)]
    tabs = [browser.visitor.authorize(start, ADA) for start in starts]
    for number in (first, 1 - first):
        assert browser.get(tabs[number])["Location"] == f"/profile/?tab={number}"
    check_rows()


@pytest.mark.security("S2", "T11")
def test_no_two_attempts_share_a_state_nonce_or_challenge(browser):
    asked = [parse_qs(urlsplit(browser.start()).query) for _ in range(5)]
    for name in ("state", "nonce", "code_challenge"):
        assert len({query[name][0] for query in asked}) == 5
    assert {query["code_challenge_method"][0] for query in asked} == {"S256"}


@pytest.mark.security("B5", "B6")
def test_a_tab_that_fails_leaves_the_other_alone(browser):
    first, second = browser.start("/profile/?tab=1"), browser.start("/profile/?tab=2")
    declined = browser.visitor.decline(first)
    assert shown(browser, browser.get(str(declined))) == ("access_denied", 403)
    assert browser.get(browser.visitor.authorize(second, ADA))["Location"] == "/profile/?tab=2"


@pytest.mark.security("S2")
def test_the_code_of_one_tab_is_worth_nothing_in_the_other(browser, tenant):
    """PKCE binds a code to the attempt that asked for it."""
    tenant.settings.require_pkce = True
    first, second = (browser.visitor.authorize(browser.start(), ADA).fields for _ in range(2))
    swapped = browser.get(f"/auth/callback/?code={second['code']}&state={first['state']}")
    assert error_code(swapped) == "code_rejected"
    assert browser.user_id is None
    assert tenant.ledger.count("code_exchanged") == 0


def test_a_tab_that_signs_in_as_somebody_else_takes_the_session_over(browser):
    first = browser.visitor.authorize(browser.start("/profile/?tab=1"), ADA)
    browser.visitor.cookies.clear()
    second = browser.visitor.authorize(browser.start("/profile/?tab=2"), BOB)
    browser.get(first)
    ada = browser.user_id
    assert browser.get(second)["Location"] == "/profile/?tab=2"
    assert browser.user_id not in (None, ada)


@pytest.mark.security("S18")
def test_beyond_the_cap_the_oldest_attempt_makes_room(browser, another_browser, clock, configure):
    """Unfinished starts do not pile up."""
    configure(OPEN_PER_BROWSER=3)
    elsewhere = another_browser()
    other = elsewhere.visitor.authorize(elsewhere.start(), BOB)
    starts = []
    for number in range(5):
        clock.advance(1)
        starts.append(browser.start(f"/profile/?tab={number}"))
    assert FlowTransaction.objects.filter(state_kind="waiting").count() == 3 + 1
    tabs = [browser.visitor.authorize(start, ADA) for start in starts]
    for closed in (0, 1):
        assert shown(browser, browser.get(tabs[closed])) == ("superseded", 410)
    for number in (2, 3, 4):
        assert browser.get(tabs[number])["Location"] == f"/profile/?tab={number}"
    assert elsewhere.get(other)["Location"] == "/profile/"
    check_rows()


def test_two_browsers_sign_in_as_the_same_user(browser, another_browser):
    elsewhere = another_browser()
    browser.sign_in(ADA)
    elsewhere.sign_in(ADA)
    assert browser.user_id == elsewhere.user_id
    assert browser.client.session.session_key != elsewhere.client.session.session_key
