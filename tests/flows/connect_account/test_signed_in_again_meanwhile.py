"""A sign-in in another tab replaces the session's grant, and what is under way goes on with the new one."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.storage.grants import DjangoGrantStore, end_grant
from stateful_oauth.storage.models import ConnectedAccount, FlowTransaction, Grant
from tests.support.accounts_site import FIRST, XPTO
from tests.support.crashes import at
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

COMPLETE, LIST = "/me/v1/connected-accounts/complete", "/me/v1/connected-accounts/accounts"
DISCONNECT = "/me/v1/connected-accounts/accounts/{id}"


def signs_in(owner):
    owner.sign_in(owner.user.user_id)


def steps_up(owner):
    started = owner.post("/auth/step-up/", {"max_age": "0", "next": "/accounts/"})["Location"]
    owner.get(owner.authorize(started, XPTO))


def signs_in_twice(owner):
    signs_in(owner)
    signs_in(owner)


RENEWALS = [signs_in, steps_up, signs_in_twice]


def row(kind="connect_account"):
    return FlowTransaction.objects.filter(kind=kind).latest("pk")


def recover(clock):
    clock.advance((row().lease_until - clock.now()).total_seconds() + 1)
    wiring.engine().recover(row().pk, SystemCaller())


def live_grant():
    return str(Grant.objects.get(ended_at=None).pk)


def session_of(browser):
    return browser.client.session["stateful_oauth"]


@pytest.fixture
def callback(owner):
    started = owner.post("/auth/connect/", {"connection": "google-oauth2", "next": "/accounts/"})
    return owner.visitor.connect(started["Location"], as_account=FIRST)


@pytest.mark.parametrize("renewal", RENEWALS)
def test_completion_that_recovery_finishes_uses_the_present_grant(tenant, owner, callback, clock, renewal):
    tenant.faults.add(COMPLETE, "rate_limit", reset=30)
    owner.get(callback)
    assert row().state == "completing_connection"
    before = live_grant()
    renewal(owner)
    assert live_grant() != before
    recover(clock)
    assert (row().state, row().code) == ("connected", "")
    assert ConnectedAccount.objects.get().provider_user_id == "100"


@pytest.mark.parametrize("renewal", RENEWALS)
def test_sign_in_during_the_completion_itself_does_not_end_it(tenant, owner, callback, renewal):
    tenant.faults.add(COMPLETE, "lost_answer")
    with at("effect.before", "complete_connection", lambda: renewal(owner)):
        owner.get(callback)
    assert (row().state, row().code) == ("connected", "")


def test_identification_asks_with_the_present_grant(owner, callback):
    with at("effect.before", "identify_account", lambda: signs_in(owner)):
        owner.get(callback)
    assert (row().state, row().code) == ("connected", "")
    assert ConnectedAccount.objects.get().provider_user_id == "100"


def test_disconnection_under_way_goes_on_with_the_present_grant(tenant, owner, callback, clock):
    owner.get(callback)
    tenant.faults.add(DISCONNECT, "rate_limit", reset=30)
    owner.post("/auth/disconnect/", {"account": ConnectedAccount.objects.get().remote_id})
    signs_in(owner)
    clock.advance(31)
    wiring.engine().recover(row("disconnect_account").pk, SystemCaller())
    assert (row("disconnect_account").state, row("disconnect_account").code) == ("disconnected", "")


def test_grant_that_was_dead_before_the_sign_in_is_replaced_too(tenant, owner, callback, clock):
    tenant.faults.add(COMPLETE, "rate_limit", reset=30)
    owner.get(callback)
    tenant.revoke_refresh_tokens(owner.user.user_id)
    first = row().pk
    Grant.objects.update(access_tokens="")
    assert error_code(owner.post("/auth/connect/", {"connection": "github"})) == "grant_dead"
    signs_in(owner)
    clock.advance(31)
    wiring.engine().recover(first, SystemCaller())
    ended = FlowTransaction.objects.get(pk=first)
    assert (ended.state, ended.code) == ("connected", "")


def test_sign_out_leaves_no_grant_to_go_on_with(tenant, owner, callback, clock):
    tenant.faults.add(COMPLETE, "rate_limit", reset=30)
    owner.get(callback)
    signs_in(owner)
    owner.post("/auth/logout/")
    recover(clock)
    assert (row().state, row().code) == ("failed", "connect_unconfirmed")


def test_another_user_of_the_browser_lends_no_grant(tenant, owner, callback, clock):
    tenant.faults.add(COMPLETE, "rate_limit", reset=30)
    owner.get(callback)
    other = tenant.add_user(email="other@example.com", password="another good one")
    owner.visitor.close_browser()
    owner.sign_in(other.user_id)
    assert session_of(owner)["sub"] == other.user_id
    recover(clock)
    assert row().code == "connect_unconfirmed"
    assert not ConnectedAccount.objects.exists()


def test_grant_of_another_account_takes_no_place(tenant, owner, another_browser, clock):
    """Whatever the row says: the columns of a successor are compared with those of the grant."""
    first = session_of(owner)["grant"]
    other = tenant.add_user(email="other@example.com", password="another good one")
    elsewhere = another_browser()
    elsewhere.sign_in(other.user_id)
    end_grant(first, now=clock.now(), successor=session_of(elsewhere)["grant"])
    assert DjangoGrantStore().load(first) is None


def test_step_up_without_a_refresh_token_keeps_the_grant_of_another_tab(tenant, owner):
    started = owner.post("/auth/step-up/", {"max_age": "0", "next": "/accounts/"})["Location"]
    back = owner.authorize(started, XPTO)
    signs_in(owner)
    present = live_grant()
    tenant.token_reply_hook = lambda body: body.pop("refresh_token", None)
    owner.get(back)
    assert (row("step_up").state, row("step_up").code) == ("stepped_up", "")
    assert session_of(owner)["grant"] == present == live_grant()
