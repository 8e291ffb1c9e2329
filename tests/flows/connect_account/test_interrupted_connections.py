"""A connection whose completion was interrupted: the list of accounts tells, as soon as it can be read."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.storage.models import ConnectedAccount, FlowTransaction
from tests.support import rows
from tests.support.accounts_site import QWERTY, XPTO

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db(transaction=True)]

COMPLETE, LIST = "/me/v1/connected-accounts/complete", "/me/v1/connected-accounts/accounts"


@pytest.fixture
def callback(tenant, browser):
    """The address that the provider sends the browser back to, not yet opened."""
    tenant.add_user(email=XPTO, password="a good one")
    tenant.add_user(email=QWERTY, connection="google-oauth2", signed_up=False)
    browser.sign_in(XPTO)
    started = browser.post("/auth/connect/", {"connection": "google-oauth2", "next": "/profile/"})
    return browser.visitor.connect(started["Location"], as_account=QWERTY)


def row() -> FlowTransaction:
    return FlowTransaction.objects.get(kind="connect_account")


def recover() -> None:
    wiring.engine().recover(row().pk, SystemCaller())


def connected_once(tenant) -> None:
    assert row().state == "connected", rows.show(row().pk)
    assert tenant.ledger.count("account_connected") == 1
    assert ConnectedAccount.objects.get().provider_user_id


@pytest.mark.parametrize("fault", ["lost_answer", "html"])
def test_an_answer_that_never_came_is_read_from_the_list_at_once(tenant, browser, callback, fault):
    tenant.faults.add(COMPLETE, fault, effect=True)
    assert browser.get(callback)["Location"] == "/profile/"
    connected_once(tenant)
    assert tenant.requests[COMPLETE] == 1, "The code was sent twice, and it is single-use."


def test_a_request_that_never_arrived_is_sent_again(tenant, browser, callback):
    tenant.faults.add(COMPLETE, "lost_request")
    assert browser.get(callback)["Location"] == "/profile/"
    connected_once(tenant)


def test_a_list_that_is_rate_limited_is_read_when_the_provider_takes_requests_again(
    tenant, browser, callback, clock
):
    tenant.faults.add(COMPLETE, "lost_answer")
    tenant.faults.add(LIST, "rate_limit", reset=90)
    assert "/progress/" in browser.get(callback)["Location"]
    kept = row()
    assert (kept.state, kept.code) == ("completing_connection", "rate_limited"), rows.show(kept.pk)
    assert (kept.lease_until - clock.now()).total_seconds() == pytest.approx(90, abs=1)
    clock.advance(91)
    recover()
    connected_once(tenant)


def test_a_list_that_cannot_be_read_is_read_again_after_pauses(tenant, browser, callback, clock):
    tenant.faults.add(COMPLETE, "lost_answer")
    tenant.faults.add(LIST, "server_error", times=3)
    browser.get(callback)
    for pause in (5, 10, 20):
        assert (row().lease_until - clock.now()).total_seconds() == pause
        clock.advance(pause)
        recover()
    connected_once(tenant)


def test_a_grant_that_is_over_by_then_ends_it_and_says_that_it_may_have_happened(
    tenant, browser, callback, clock
):
    tenant.faults.add(COMPLETE, "lost_answer")
    tenant.faults.add(LIST, "server_error")
    browser.get(callback)
    tenant.revoke_refresh_tokens(tenant.users.by_email(XPTO)[0].user_id)
    clock.advance(90_000)  # the access token is over, too
    recover()
    assert (row().state, row().code) == ("failed", "connect_unconfirmed"), rows.show(row().pk)


def test_when_nothing_helps_it_is_stuck_and_an_operator_finishes_it(tenant, browser, callback, clock):
    from tests.support.callers import Operator

    tenant.faults.add(COMPLETE, "lost_answer")
    tenant.faults.add(LIST, "server_error", times=None)
    browser.get(callback)
    while row().stuck_since is None:
        clock.advance((row().lease_until - clock.now()).total_seconds())
        recover()
    assert row().attempts == 8
    tenant.faults.clear()
    clock.advance(3600)
    recover()
    assert row().state == "completing_connection", "A sweep leaves it alone."
    wiring.engine().recover(row().pk, Operator())
    connected_once(tenant)
    assert browser.get(f"/auth/progress/{row().pk}/")["Location"] == "/profile/"
