"""A code that another browser has shown to its user is never used (RFC 9700 §4.7, browser swapping).

The attacker starts, the victim completes and is refused, the attacker reads the callback's URL and opens it
in the browser that started.
"""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import FlowTransaction
from tests.support import accounts_site
from tests.support.account_attempts import Connecting, Linking
from tests.support.error_pages import error_code, shown
from tests.support.rows import check_rows, rejections, steps, the_row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.security("S22")]

ADA = "ada@example.com"
NAVIGATION = {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document"}
# What fetches a URL and shows it to no user.
NO_NAVIGATION = {
    "a client without Fetch Metadata": {},
    "a script": {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_SEC_FETCH_DEST": "empty"},
    "an image": {"HTTP_SEC_FETCH_MODE": "no-cors", "HTTP_SEC_FETCH_DEST": "image"},
    "a prefetch": {**NAVIGATION, "HTTP_SEC_PURPOSE": "prefetch"},
    "a prerendered page": {**NAVIGATION, "HTTP_SEC_PURPOSE": "prefetch;prerender"},
    "an older prefetch": {**NAVIGATION, "HTTP_PURPOSE": "prefetch"},
    "a mode alone": {"HTTP_SEC_FETCH_MODE": "navigate"},
}


@pytest.fixture
def callback(browser):
    return browser.authorize(browser.start("/profile/?secret-plan"), ADA)


@pytest.mark.parametrize("has_cookie", [True, False])
@pytest.mark.parametrize("destination", ["document", "iframe"])
def test_a_sign_in_ends_when_another_browser_navigates_to_its_callback(
    browser, another_browser, tenant, callback, has_cookie, destination
):
    victim = another_browser()
    if has_cookie:
        victim.start()
    row = FlowTransaction.objects.earliest("created_at")
    refused = victim.get(callback, **{**NAVIGATION, "HTTP_SEC_FETCH_DEST": destination})
    assert "secret-plan" not in refused["Location"]
    assert str(row.pk) not in refused["Location"]
    assert shown(victim, refused) == ("browser_mismatch", 403)
    assert shown(browser, browser.get(callback, **NAVIGATION)) == ("browser_mismatch", 403)
    assert (browser.user_id, victim.user_id) == (None, None)
    assert tenant.requests["/oauth/token"] == 0
    row.refresh_from_db()
    assert (row.state, row.code, row.secrets) == ("mismatched", "browser_mismatch", None)
    check_rows()


def test_whoever_started_it_can_start_again_with_the_same_destination(browser, another_browser, callback):
    another_browser().get(callback, **NAVIGATION)
    page = browser.opens(browser.get(callback)).content.decode()
    assert "/profile/?secret-plan" in page
    assert browser.sign_in(ADA)["Location"] == "/profile/"


@pytest.mark.parametrize("headers", NO_NAVIGATION.values(), ids=NO_NAVIGATION)
def test_what_is_no_navigation_ends_nothing(browser, another_browser, tenant, callback, headers):
    another_browser().get(callback, **headers)
    assert the_row().state == "awaiting_callback"
    assert browser.get(callback, **NAVIGATION)["Location"] == "/profile/?secret-plan"


def test_a_request_for_the_headers_only_ends_nothing(browser, another_browser, callback):
    another_browser().head(callback, **NAVIGATION)
    assert browser.get(callback)["Location"] == "/profile/?secret-plan"


def test_an_error_response_in_another_browser_ends_nothing(browser, another_browser):
    """It carries no code, and anybody who has seen the `state` could write one."""
    location = browser.start()
    declined = browser.visitor.decline(location)
    victim = another_browser()
    assert error_code(victim.get(declined, **NAVIGATION)) == "browser_unknown"
    assert rejections(the_row().pk) == [("callback", "browser_unknown")]
    assert browser.get(browser.authorize(location, ADA))["Location"] == "/profile/"


def test_a_wrong_state_ends_nothing(browser, another_browser, callback):
    state = callback.fields["state"]
    changed = str(callback).replace(state, state[:-1] + ("A" if state[-1] != "A" else "B"))
    changed = changed.replace(callback.fields["code"], "another")  # or the code is over: test_seen_codes.py
    assert error_code(another_browser().get(changed, **NAVIGATION)) == "transaction_unknown"
    assert browser.get(callback)["Location"] == "/profile/?secret-plan"


def test_the_callback_of_another_flow_ends_nothing(browser, another_browser, callback):
    elsewhere = str(callback).replace("/auth/callback/", "/auth/link/callback/")
    another_browser().get(elsewhere, **NAVIGATION)
    assert browser.get(callback)["Location"] == "/profile/?secret-plan"


def test_a_sign_in_that_is_over_stays_as_it_is(browser, another_browser, callback):
    browser.get(callback)
    before = steps()
    assert error_code(another_browser().get(callback, **NAVIGATION)) == "browser_unknown"
    assert steps() == before
    assert browser.get(callback)["Location"] == "/profile/?secret-plan"


def test_a_row_whose_code_was_sent_stays_as_it_is(browser, another_browser, callback):
    from tests.support.crashes import crash_at

    with crash_at("effect.before", "exchange_code"):
        browser.get(callback)
    another_browser().get(callback, **NAVIGATION)
    assert the_row().state == "exchanging_code"


def test_after_the_deadline_it_expires(browser, another_browser, callback, clock):
    clock.advance(600)
    another_browser().get(callback, **NAVIGATION)
    assert error_code(browser.get(callback)) == "transaction_expired"


class TestOfAccounts:
    """The same for the callbacks of connecting and of the proof of a linking."""

    @pytest.fixture(autouse=True)
    def site(self, tenant):
        accounts_site.prepare(tenant)
        with accounts_site.site():
            yield
        check_rows()

    @pytest.fixture(params=[Connecting, Linking], ids=["connect", "link"])
    def attempt(self, request, tenant, browser):
        return request.param(tenant, browser)

    def test_a_callback_of_an_account_in_another_browser_ends_the_attempt(
        self, attempt, browser, another_browser
    ):
        victim = another_browser()
        refused = victim.get(attempt.callback, **NAVIGATION)
        assert "accounts" not in refused["Location"]
        assert shown(victim, refused) == ("browser_mismatch", 403)
        assert shown(browser, browser.get(attempt.callback, **NAVIGATION)) == ("browser_mismatch", 403)
        assert FlowTransaction.objects.get(kind=attempt.kind).state == "mismatched"
        assert attempt.happened() == 0

    @pytest.mark.parametrize("headers", NO_NAVIGATION.values(), ids=NO_NAVIGATION)
    def test_what_is_no_navigation_ends_nothing(self, attempt, browser, another_browser, headers):
        another_browser().get(attempt.callback, **headers)
        assert browser.get(attempt.callback)["Location"] == "/accounts/?tab=2"
        assert attempt.happened() == 1
