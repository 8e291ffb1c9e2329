"""A code that was sent to the token endpoint is not sent again, whatever attempt it comes under.

The provider would revoke what it bought (RFC 6749 §4.1.2).
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from tests.support import accounts_site
from tests.support.account_attempts import Linking
from tests.support.crashes import crash_at
from tests.support.error_pages import Form, error_code, shown
from tests.support.rows import check_rows, the_row

pytestmark = [pytest.mark.database, pytest.mark.security("S2")]

ADA = "ada@example.com"
NAVIGATION = {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document"}


def under_state_of(callback, location):
    """Return a callback with the `state` of the attempt that was sent to `location`."""
    state = dict(parse_qsl(urlsplit(location).query))["state"]
    parts = urlsplit(str(callback))
    return parts._replace(query=urlencode({**callback.fields, "state": state})).geturl()


def sent(tenant):
    return tenant.requests["/oauth/token"]


@pytest.fixture
def callback(browser):
    """A callback that has signed its user in."""
    found = browser.authorize(browser.start("/profile/"), ADA)
    assert browser.get(found)["Location"] == "/profile/"
    return found


@pytest.mark.parametrize("other_browser", [False, True], ids=["same browser", "another browser"])
def test_spent_code_under_another_live_state_is_not_sent(
    browser, another_browser, tenant, callback, other_browser
):
    where = another_browser() if other_browser else browser
    injected = under_state_of(callback, where.start("/other/"))
    assert shown(where, where.get(injected, **NAVIGATION)) == ("code_sent_before", 400)
    assert (sent(tenant), tenant.ledger.count("code_reused")) == (1, 0)
    assert browser.user_id is not None, "What the code bought lives on."
    check_rows()


def test_page_of_a_spent_code_leads_to_a_sign_in_that_works(strict_browser, tenant):
    callback = strict_browser.authorize(strict_browser.start(), ADA)
    strict_browser.get(callback)
    injected = under_state_of(callback, strict_browser.start("/other/"))
    location = Form.of(strict_browser.opens(strict_browser.get(injected))).submit(strict_browser)["Location"]
    assert strict_browser.get(strict_browser.authorize(location, ADA))["Location"] == "/other/"


def test_code_that_was_refused_under_another_state_is_not_sent_under_its_own(browser, tenant):
    first, second = browser.start("/first/"), browser.start("/second/")
    callback = browser.authorize(first, ADA)
    assert error_code(browser.get(under_state_of(callback, second))) == "code_rejected"
    assert error_code(browser.get(callback)) == "code_sent_before"
    assert sent(tenant) == 1


def test_code_whose_answer_was_lost_is_not_sent_under_another_state(browser, tenant):
    callback = browser.authorize(browser.start("/first/"), ADA)
    with crash_at("effect.after", "exchange_code"):
        browser.get(callback)
    assert error_code(browser.get(under_state_of(callback, browser.start("/second/")))) == "code_sent_before"
    assert sent(tenant) == 1


def test_code_whose_row_was_restored_from_a_backup_is_not_sent_again(browser, tenant):
    callback = browser.authorize(browser.start("/profile/"), ADA)
    backup = the_row()
    browser.get(callback)
    TransitionRecord.objects.filter(transaction=backup, sequence__gt=100).delete()
    backup.save()
    assert shown(browser, browser.get(callback)) == ("code_sent_before", 400)
    assert (sent(tenant), tenant.ledger.count("code_reused")) == (1, 0)


def test_code_that_a_dead_worker_never_sent_may_be_sent_by_its_restored_row(browser, tenant):
    callback = browser.authorize(browser.start("/profile/"), ADA)
    backup = the_row()
    with crash_at("claim.after_commit", "callback"):
        browser.get(callback)
    TransitionRecord.objects.filter(transaction=backup, sequence__gt=100).delete()
    backup.save()
    assert browser.get(callback)["Location"] == "/profile/"


def test_own_browser_comes_back_with_a_spent_code_that_another_one_has_shown(
    browser, another_browser, callback
):
    shown_there = str(callback).replace(callback.fields["state"], "A" * 54)
    assert error_code(another_browser().get(shown_there, **NAVIGATION)) == "transaction_unknown"
    assert browser.get(callback)["Location"] == "/profile/"


class TestOfOtherFlows:
    """The proof of a linking, and a step-up."""

    @pytest.fixture(autouse=True)
    def site(self, tenant, db):
        accounts_site.prepare(tenant)
        with accounts_site.site():
            yield
        check_rows()

    def test_code_of_a_finished_link_is_not_sent_for_a_step_up(self, tenant, browser):
        attempt = Linking(tenant, browser)
        assert browser.get(attempt.callback)["Location"] == "/accounts/?tab=2"
        before = sent(tenant)
        location = browser.post("/auth/step-up/", {"next": "/payments/"})["Location"]
        injected = under_state_of(attempt.callback, location).replace("/link/callback/", "/step-up/callback/")
        assert shown(browser, browser.get(injected)) == ("code_sent_before", 400)
        assert sent(tenant) == before

    def test_code_of_a_sign_in_is_not_sent_for_the_proof_of_a_link(self, tenant, browser):
        attempt = Linking(tenant, browser)
        spent = browser.authorize(browser.start("/profile/"), attempt.user.user_id)
        browser.get(spent)
        before = sent(tenant)
        row = FlowTransaction.objects.get(kind="account_linking")
        injected = str(attempt.callback).replace(attempt.callback.fields["code"], spent.fields["code"])
        browser.get(injected)
        assert sent(tenant) == before
        assert tenant.ledger.count("identity_linked") == 0
        row.refresh_from_db()
        assert row.state != "verifying_primary"
