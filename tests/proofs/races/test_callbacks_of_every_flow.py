"""Deliveries of one callback at once, in one browser: all end signed in, and are told the same."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import AccountLink
from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site, rows
from tests.support.callbacks_of_flows import ADA, FLOWS, connecting
from tests.support.deliveries import answer_of, copies
from tests.support.together import together

pytestmark = [pytest.mark.security("S5"), pytest.mark.database]

COUNT = 16


@pytest.fixture
def tenant(tenant):
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield tenant


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("times", ["at once", "one after the other", "reloaded"])
def test_deliveries_of_one_callback_end_signed_in_and_told_the_same(tenant, browser, flow, times):
    callback = FLOWS[flow](tenant, browser)
    tabs = [browser] * 3 if times == "reloaded" else copies(browser, tenant, COUNT)
    works = [lambda tab=tab: answer_of(tab, callback) for tab in tabs]
    answers = together(works) if times == "at once" else [work() for work in works]
    told = {(answer.status_code, answer["Location"]) for answer in answers}
    text = "\n".join(map(rows.show, rows.FlowTransaction.objects.values_list("pk", flat=True)))
    assert told == {(303, f"/profile/?of={flow}")}, text
    users = {tab.user_id for tab in tabs}
    assert len(users) == 1, f"{users}\n{text}"
    assert None not in users, text
    subjects = {tab.client.session["stateful_oauth"]["sub"] for tab in tabs}
    assert len(subjects) == 1
    rows.check_rows()


@pytest.mark.parametrize("flow", ["connect", "step-up"])
def test_late_delivery_after_a_sign_out_signs_no_user_in(tenant, browser, flow):
    callback = FLOWS[flow](tenant, browser)
    (other,) = copies(browser, tenant, 1)
    browser.get(callback)
    browser.post("/auth/logout/")
    answer_of(other, callback)
    assert other.user_id is None
    browser.get(callback)
    assert browser.user_id is None


def test_late_delivery_after_the_sessions_were_ended_signs_no_user_in(tenant, browser):
    from django.contrib.auth import get_user_model

    from stateful_oauth.django import end_sessions

    callback = connecting(tenant, browser)
    (other,) = copies(browser, tenant, 1)
    browser.get(callback)
    end_sessions(get_user_model().objects.get(pk=browser.user_id))
    answer_of(other, callback)
    assert other.user_id is None


def test_connection_uses_the_grant_that_the_session_has_when_the_browser_comes_back(tenant, browser):
    """The user signs in once more in another tab: the grant of the start is revoked."""
    callback = connecting(tenant, browser)
    browser.sign_in(ADA)
    assert browser.get(callback)["Location"] == "/profile/?of=connect"
    assert len(tenant.connected_accounts(tenant.users.by_email(ADA)[0])) == 1


def test_connection_of_another_users_session_is_not_finished(tenant, browser):
    callback = connecting(tenant, browser)
    browser.visitor.close_browser()
    browser.sign_in("bob@example.com")
    assert "user_changed" in browser.get(callback)["Location"]
    assert not tenant.connected_accounts(tenant.users.by_email(ADA)[0])
    assert Browser(tenant).user_id is None


@pytest.mark.parametrize("reading", ["identities", "not_found", "bad_request"])
def test_losers_of_a_double_click_on_unlink_get_the_outcome(tenant, browser, reading):
    tenant.settings.unlink_answer = reading
    tenant.add_user(email="pair@example.com", password="a good one")
    google = tenant.add_user(email="pair@example.com", connection="google-oauth2")
    browser.sign_in(google.user_id)
    form = {"link": str(AccountLink.objects.get().pk), "next": "/accounts/"}
    tabs = copies(browser, tenant, COUNT)
    answers = together([lambda tab=tab: tab.post("/auth/unlink/", form) for tab in tabs])
    answers = [
        answer_of(tab, answer["Location"]) if "/progress/" in answer["Location"] else answer
        for tab, answer in zip(tabs, answers, strict=True)
    ]
    assert {(each.status_code, each["Location"]) for each in answers} == {(303, "/accounts/")}
    assert tenant.ledger.count("identity_unlinked") == 1
    rows.nothing_working()
