"""`signed_in` is sent once for each sign-in, after the commit, by a browser's request or by recovery."""

from __future__ import annotations

import pytest
from django.db import connection

from stateful_oauth.django import signed_in
from tests.support.after_crashes import recovery_runs
from tests.support.crashes import crash_at
from tests.support.deliveries import copies
from tests.support.users_and_claims import ADA

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def heard():
    heard = []

    def receiver(request, user, **kwargs):
        heard.append((request is not None, connection.in_atomic_block))

    signed_in.connect(receiver)
    yield heard
    signed_in.disconnect(receiver)


def test_receivers_run_outside_of_the_database_transaction(browser, heard):
    browser.sign_in(ADA)
    assert heard == [(True, False)]


def test_second_delivery_is_no_second_sign_in(browser, tenant, heard):
    address = browser.authorize(browser.start(), ADA)
    (other,) = copies(browser, tenant, 1)
    browser.get(address)
    other.get(address)
    assert other.user_id is not None
    assert len(heard) == 1


def test_sign_in_whose_worker_died_before_the_commit_is_not_announced(browser, clock, heard):
    address = browser.authorize(browser.start(), ADA)
    with crash_at("settle.before_commit", "code_exchanged"):
        browser.get(address)
    recovery_runs(clock)
    assert heard == []
