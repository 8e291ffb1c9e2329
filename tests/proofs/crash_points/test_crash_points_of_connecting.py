"""The process ends at every named place of connecting and disconnecting an account.

Then time passes, and the sweep or the browser goes on: nothing is done twice at the provider, nothing is left
working, and what is known here is what happened there.
"""

from __future__ import annotations

from typing import Any

import pytest

from stateful_oauth.storage.models import ConnectedAccount, FlowTransaction, Grant
from tests.support.accounts_site import QWERTY, XPTO, prepare, site
from tests.support.after_crashes import LEASE, each_place, nothing_twice, passed_by, recovery_runs, state_of
from tests.support.crash_tables import CONNECT, CONNECTED, DISCONNECT
from tests.support.crashes import crash_at
from tests.support.deliveries import answer_of

pytestmark = pytest.mark.database

GOOGLE = "google-oauth2"


@pytest.fixture
def tenant(tenant):
    with site():
        yield prepare(tenant)


@pytest.fixture
def xpto(tenant, browser):
    user = tenant.add_user(email=XPTO, password="a good one")
    tenant.add_user(email=QWERTY, connection=GOOGLE, signed_up=False)
    browser.sign_in(XPTO)
    return user


def connect(browser: Any) -> str:
    location: str = browser.post("/auth/connect/", {"connection": GOOGLE, "next": "/profile/"})["Location"]
    return location


def agree_on_connected(tenant: Any, user: Any) -> None:
    there = [(each.id, each.provider_user_id) for each in tenant.connected_accounts(user)]
    assert list(ConnectedAccount.objects.values_list("remote_id", "provider_user_id")) == there
    nothing_twice(tenant)


@each_place(CONNECT)
def test_a_crash_while_a_connection_is_requested(tenant, browser, clock, xpto, place, becomes):
    with crash_at(*place):
        connect(browser)
    assert state_of("connect_account") == becomes[0]
    recovery_runs(clock)
    assert state_of("connect_account") == becomes[1]
    if becomes[1] is None:
        location = connect(browser)
    else:
        row = FlowTransaction.objects.get(kind="connect_account")
        location = browser.get(f"/auth/progress/{row.pk}/")["Location"]
    assert browser.get(browser.visitor.connect(location, as_account=QWERTY))["Location"] == "/profile/"
    assert len(tenant.connected_accounts(xpto)) == 1
    agree_on_connected(tenant, xpto)


@pytest.mark.parametrize("first", ["the sweep", "the browser"])
@each_place(CONNECTED)
def test_a_crash_while_a_connection_is_completed(tenant, browser, clock, xpto, place, becomes, first):
    callback = browser.visitor.connect(connect(browser), as_account=QWERTY)
    with crash_at(*place):
        browser.get(callback)
    assert state_of("connect_account") == becomes[0]
    if first == "the sweep":
        recovery_runs(clock)
        assert state_of("connect_account") == becomes[1]
    else:
        clock.advance(LEASE)
    assert answer_of(browser, callback)["Location"] == "/profile/"
    assert state_of("connect_account") == "connected"
    assert len(tenant.connected_accounts(xpto)) == 1
    agree_on_connected(tenant, xpto)
    recovery_runs(clock)


@each_place(DISCONNECT)
def test_a_crash_while_an_account_is_disconnected(tenant, browser, clock, xpto, place, becomes):
    browser.connect(GOOGLE, QWERTY)
    account = ConnectedAccount.objects.get()
    Grant.objects.update(access_tokens="")  # so that a token is asked for on the way

    def disconnect():
        return browser.post("/auth/disconnect/", {"account": account.remote_id, "next": "/profile/"})

    with crash_at(*place):
        disconnect()
    assert state_of("disconnect_account") == becomes[0]
    recovery_runs(clock)
    assert state_of("disconnect_account") == becomes[1]
    if becomes[1] is None:
        disconnect()
    assert tenant.connected_accounts(xpto) == []
    agree_on_connected(tenant, xpto)


def test_these_tables_name_every_place_of_connecting_and_disconnecting(tenant, browser, clock, xpto):
    location, passed = passed_by(lambda: connect(browser))
    assert passed == list(CONNECT)
    callback = browser.visitor.connect(location, as_account=QWERTY)
    _, passed = passed_by(lambda: browser.get(callback))
    assert passed == list(CONNECTED)
    account = ConnectedAccount.objects.get()
    _, passed = passed_by(lambda: browser.post("/auth/disconnect/", {"account": account.remote_id}))
    assert passed == list(DISCONNECT)
