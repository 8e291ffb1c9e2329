"""Single statements that fail where somebody else would catch the error."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection

from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import ConnectedAccount, FlowTransaction, Grant
from tests.support.faulted import prepared
from tests.support.journeys import GOOGLE, SECONDARY, NotAvailable
from tests.support.postgresql_proxy import through_a_proxy
from tests.support.recovering import recover_all
from tests.support.rows import the_row
from tests.support.verdict import violations

pytestmark = pytest.mark.database


class Failing:
    """Fails the statements that have these words, on a connection that lives on; or does something else."""

    def __init__(self, words: str, instead=None) -> None:
        self.struck = 0
        self._words, self._instead = words, instead

    def __call__(self, execute, sql, params, many, context):
        if self._words in sql.replace('"', ""):
            self.struck += 1
            if self._instead is None:
                raise OperationalError("canceling statement due to lock timeout")
            self._instead()
        return execute(sql, params, many, context)


def test_a_grant_that_cannot_be_ended_takes_the_settlement_along_when_the_connection_is_lost(
    tenant, clock, transactional_db
):
    """That a grant is not ended fails nobody; but what is rolled back must not pass for committed."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connection to lose")
    journey = prepared("another sign-in", tenant, clock)
    before = journey.browser.user_id, journey.browser.client.session.session_key
    with through_a_proxy() as proxy:
        failing = Failing("UPDATE stateful_oauth_grant", lambda: proxy.lose("the request"))
        with connection.execute_wrapper(failing), pytest.raises(NotAvailable):
            journey.travel()
    assert failing.struck == 1
    assert (journey.browser.user_id, journey.browser.client.session.session_key) == before
    recover_all(clock.advance)
    assert violations(tenant) == []
    journey.finish()


def test_a_token_that_cannot_be_kept_does_not_say_that_nothing_was_connected(tenant, clock, transactional_db):
    """The list of accounts tells what became of a lost answer, and to read it takes a token."""
    journey = prepared("connecting", tenant, clock)
    browser = journey.browser
    page = browser.post("/auth/connect/", {"connection": GOOGLE})["Location"]
    tenant.faults.add("/me/v1/connected-accounts/complete", "lost_answer")
    tenant.faults.add("/me/v1/connected-accounts/accounts", "unreachable")
    browser.get(browser.visitor.connect(page, as_account=SECONDARY))
    row = FlowTransaction.objects.get(kind="connect_account")
    assert row.state == "completing_connection"
    assert len(tenant.connected_accounts(journey.primary)) == 1
    Grant.objects.update(access_tokens="")
    failing = Failing("UPDATE stateful_oauth_grant")
    with connection.execute_wrapper(failing):
        clock.advance(100)
        report = recover_due()
    assert failing.struck >= 1
    assert the_row(row.pk).state == "completing_connection", report
    recover_all(clock.advance)
    assert violations(tenant) == []
    assert ConnectedAccount.objects.count() == 1


def test_an_effect_that_cannot_read_who_is_known_here_is_repeated(tenant, clock, transactional_db):
    journey = prepared("first sign-in", tenant, clock)
    failing = Failing("FROM stateful_oauth_connectedaccount")
    with connection.execute_wrapper(failing), pytest.raises(NotAvailable):
        journey.travel()
    assert failing.struck == 1
    assert FlowTransaction.objects.get().state == "finding_candidates"
    clock.advance(100)
    assert recover_due().counts["recovered"] == 1
    assert FlowTransaction.objects.get().state == "signed_in"
