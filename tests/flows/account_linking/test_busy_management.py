"""A Management API that answers 429 again and again is called busy, and not lost."""

from __future__ import annotations

import pytest

from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import TransitionRecord
from tests.support.accounts_site import XPTO
from tests.support.waiting import waited

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

CALLS = {
    "candidates": {"endpoint": "/api/v2/users-by-email"},
    "the primary": {"endpoint": "/api/v2/users/{id}", "method": "GET"},
    "the newcomer": {"endpoint": "/api/v2/users/{id}", "method": "GET", "skip": 1},
    "the link": {"endpoint": "/api/v2/users/{id}/identities", "method": "POST"},
}


@pytest.mark.parametrize("call", CALLS)
def test_row_whose_every_answer_was_429_never_says_that_an_answer_was_lost(tenant, browser, clock, call):
    tenant.add_user(email=XPTO, password="a good one")
    google = tenant.add_user(email=XPTO, connection="google-oauth2", user_metadata={"colour": "red"})
    where = dict(CALLS[call])
    tenant.faults.add(where.pop("endpoint"), "rate_limit", None, reset=30.0, **where)
    waited(browser, browser.sign_in(google.user_id), clock)
    for _ in range(12):
        clock.advance(700)
        recover_due()
    codes = set(TransitionRecord.objects.values_list("code", flat=True))
    assert "rate_limited" in codes
    assert not {code for code in codes if "lost" in code}, codes
