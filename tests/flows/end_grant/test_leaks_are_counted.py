"""What `make chaos` counts as a leak: a living token whose answer came, and that no grant holds."""

from __future__ import annotations

import pytest

from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import FlowTransaction, Grant
from tests.support.accounts_site import XPTO
from tests.support.crashes import crash_at
from tests.support.verdict import violations

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def user(tenant):
    return tenant.add_user(email=XPTO, password="a good one")


def test_token_that_the_database_forgot_is_a_violation(tenant, browser, user):
    browser.sign_in(XPTO)
    assert violations(tenant) == []
    Grant.objects.all()._raw_delete("default")  # by SQL alone, as nothing of the package does
    assert violations(tenant) == [f"a token of {user.user_id} is left alive"]


def test_token_that_died_with_its_worker_is_none(tenant, browser, user, clock):
    callback = browser.authorize(browser.start(), XPTO)
    with crash_at("effect.after", "exchange_code"):
        browser.get(callback)
    clock.advance(600)
    recover_due()
    assert FlowTransaction.objects.get().code == "code_exchange_lost"
    assert tenant.issued.living(tenant.clock.now())
    assert violations(tenant) == []
