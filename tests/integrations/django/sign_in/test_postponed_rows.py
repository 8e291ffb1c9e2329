"""A row whose effect was postponed is nobody's work: a browser that asks about it is answered at once."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import FlowTransaction
from tests.support import accounts_site
from tests.support.account_attempts import Connecting
from tests.support.counting import counted
from tests.support.crashes import crash_at

pytestmark = pytest.mark.django_db(transaction=True)

COMPLETE, LIST = "/me/v1/connected-accounts/complete", "/me/v1/connected-accounts/accounts"


@pytest.fixture
def attempt(tenant, browser):
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield Connecting(tenant, browser)


@pytest.fixture(params=[30, 90, 900], ids="{} s".format)  # 30 s is as long as a lease of this effect
def postponed(request, attempt, tenant, browser):
    """A connection whose completion waits for a rate limit; its progress page."""
    tenant.faults.add(COMPLETE, "lost_answer")
    tenant.faults.add(LIST, "rate_limit", reset=request.param)
    page = browser.get(attempt.callback)["Location"]
    assert "/progress/" in page
    return page


def test_a_second_delivery_is_answered_at_once(attempt, postponed, browser, clock):
    clock.slept = 0
    with counted() as count:
        assert browser.get(attempt.callback)["Location"] == postponed
    assert clock.slept == 0
    assert count.statements.count("SELECT row") == 1


def test_the_progress_page_is_answered_at_once(postponed, browser, clock):
    clock.slept = 0
    with counted() as count:
        assert browser.get(postponed).status_code == 202
    assert clock.slept == 0
    assert len(count.statements) < 6


def test_a_worker_that_may_be_alive_is_waited_for(attempt, browser, clock):
    with crash_at("effect.before", "complete_connection"):
        browser.get(attempt.callback)
    clock.slept = 0
    assert "/progress/" in browser.get(attempt.callback)["Location"]
    assert clock.slept == pytest.approx(3, abs=0.1)


def test_a_delivery_that_waits_stops_when_the_row_is_postponed(attempt, browser, clock, monkeypatch):
    with crash_at("effect.before", "complete_connection"):
        browser.get(attempt.callback)
    sleep = clock.sleep

    def sleep_while_it_is_postponed(seconds):
        sleep(seconds)
        row = FlowTransaction.objects.get(kind="connect_account")
        FlowTransaction.objects.filter(pk=row.pk).update(changed_at=clock.now())

    monkeypatch.setattr(clock, "sleep", sleep_while_it_is_postponed)
    clock.slept = 0
    assert "/progress/" in browser.get(attempt.callback)["Location"]
    assert clock.slept == pytest.approx(0.05)
