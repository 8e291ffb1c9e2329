"""A provider that answers slowly: an effect is over before its lease is, however many calls it makes."""

from __future__ import annotations

import pytest
import requests

from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.emulator.transports import RequestsAdapter
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import site
from tests.support.attempts import Attempt
from tests.support.crashes import at
from tests.support.rows import show, the_row

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

HUB = "hub@gmail.com"
TAKES = 6.0  # seconds for each answer: less than any call may take by itself


class Slow(RequestsAdapter):
    """Takes its time, by the clock of the site; whoever waits for less waits in vain."""

    def __init__(self, tenant, clock):
        super().__init__(tenant.wsgi)
        self.clock = clock
        self.left: list[float] = []

    def send(self, request, stream=False, timeout=None, **others):
        self.clock.advance(min(TAKES, timeout[1]))
        for row in FlowTransaction.objects.filter(state_kind="working"):
            self.left.append((row.lease_until - self.clock.now()).total_seconds())
        if timeout[1] < TAKES:
            raise requests.ReadTimeout(request=request)
        return super().send(request, stream=stream, timeout=timeout, **others)


def test_an_effect_of_many_slow_calls_is_over_before_its_lease(tenant, browser, clock):
    """Five people connected the account that somebody signs in with now, and each of them is looked at."""
    tenant.add_user(email=HUB, connection="google-oauth2", signed_up=False)
    for number in range(5):
        owner = tenant.add_user(email=f"owner-{number}@example.com", password="a good one")
        another = Browser(tenant)
        another.sign_in(owner.user_id)
        another.connect("google-oauth2", HUB)
    slow = Slow(tenant, clock)
    with site(TRANSPORT_ADAPTER=lambda: slow):
        response = browser.sign_in(HUB)
    assert response.status_code == 303
    assert len(slow.left) > 5
    assert min(slow.left) > 0, slow.left


def test_a_worker_that_was_held_up_past_its_lease_calls_nobody(tenant, clock):
    """By then somebody else may have taken it for dead."""
    attempt = Attempt(tenant).authorize()

    def held_up():
        clock.advance(60)
        recover_due()

    with at("effect.before", "exchange_code", held_up):
        attempt.deliver()
    assert (the_row(attempt.id).state, the_row(attempt.id).code) == ("failed", "code_exchange_lost"), show(
        attempt.id
    )
    assert tenant.requests["/oauth/token"] == 0
