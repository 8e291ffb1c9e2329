"""An unlinking whose answer was lost is not called failed before it is known that it did not happen."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.storage.models import AccountLink, FlowTransaction
from tests.support.accounts_site import XPTO
from tests.support.callers import Operator
from tests.support.error_pages import error_code
from tests.support.recovering import recover_all
from tests.support.rows import check_rows, nothing_working, show, the_row

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

UNLINK = "/api/v2/users/{id}/identities/*"
NO_SCOPE = {"statusCode": 403, "error": "Forbidden", "message": "Insufficient scope"}


@pytest.fixture
def linked(tenant, browser):
    tenant.add_user(email=XPTO, password="a good one")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(google.user_id)
    return AccountLink.objects.get()


def unlink(browser, link):
    return browser.post("/auth/unlink/", {"link": str(link.pk), "next": "/profile/"})


def test_a_refusal_after_a_lost_answer_does_not_say_that_nothing_happened(tenant, browser, linked, clock):
    """The identity was taken out, and then the application's scope: only later attempts are refused."""
    tenant.faults.add(UNLINK, "lost_answer")
    refusing = tenant.faults.add(UNLINK, "answer", None, status=403, json=NO_SCOPE)
    unlink(browser, linked)
    id_ = FlowTransaction.objects.get(kind="unlink_account").pk
    assert the_row(id_).state == "unlinking", show(id_)
    while the_row(id_).stuck_since is None:
        clock.advance((the_row(id_).lease_until - clock.now()).total_seconds())
        browser.get(f"/auth/progress/{id_}/")
        assert the_row(id_).state == "unlinking", show(id_)
    # Whoever retries too early loses nothing.
    wiring.engine().recover(id_, Operator())
    assert the_row(id_).state == "unlinking", show(id_)
    tenant.faults.remove(refusing)
    recover_all(clock.advance)
    linked.refresh_from_db()
    assert linked.unlinked_at is not None
    assert tenant.ledger.count("identity_unlinked") == 1
    nothing_working()
    check_rows()


def test_a_refusal_of_the_first_attempt_is_the_end_of_it(tenant, browser, linked):
    tenant.faults.add(UNLINK, "answer", status=403, json=NO_SCOPE)
    assert error_code(unlink(browser, linked)) == "management_scope_missing"
    linked.refresh_from_db()
    assert linked.unlinked_at is None


def test_a_refusal_that_is_about_the_identity_is_the_end_of_it(tenant, browser, linked, clock):
    """Whatever an earlier attempt did: the tenant looked at the identity, and it is there."""
    tenant.faults.add(UNLINK, "lost_request")
    body = {"statusCode": 400, "error": "Bad Request", "message": "No.", "errorCode": "invalid_body"}
    tenant.faults.add(UNLINK, "answer", status=400, json=body)
    assert error_code(unlink(browser, linked)) == "unlink_refused"
    nothing_working()
