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
    refusing = tenant.faults.add("/api/v2/users/*", "answer", None, status=403, json=NO_SCOPE)
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


@pytest.mark.parametrize("reading", ["identities", "not_found", "bad_request"])
@pytest.mark.parametrize("kind", ["lost_answer", "lost_request", "html", "empty", "truncated"])
def test_unlinking_after_a_lost_answer_is_done_whatever_the_second_answer(
    tenant, browser, linked, clock, reading, kind
):
    """The identities of the primary decide, under each reading of unlinking what is not linked."""
    tenant.settings.unlink_answer = reading
    tenant.faults.add(UNLINK, kind)
    assert unlink(browser, linked)["Location"] == "/profile/"
    linked.refresh_from_db()
    assert linked.unlinked_at is not None
    assert tenant.ledger.count("identity_unlinked") == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 418, 500, 503])
@pytest.mark.parametrize("happened", [True, False])
def test_any_other_answer_to_an_unlinking_is_decided_by_the_identities(
    tenant, browser, linked, status, happened
):
    """A gateway's refusal, a bare 404 and a 400 after the effect say nothing; the primary does."""
    body = {"statusCode": status, "error": "No", "message": "Not Found"}
    tenant.faults.add(UNLINK, "answer", None, status=status, json=body, effect=happened)
    response = unlink(browser, linked)
    linked.refresh_from_db()
    assert (linked.unlinked_at is not None) is happened
    if happened:
        assert response["Location"] == "/profile/"
    else:
        assert response["Location"] != "/profile/"


def test_unlinking_from_a_primary_that_was_deleted_ends_the_link_here(tenant, browser, linked):
    tenant.delete_user(linked.primary_subject)
    assert unlink(browser, linked)["Location"] == "/profile/"
    linked.refresh_from_db()
    assert linked.unlinked_at is not None


def test_a_refusal_that_is_about_the_identity_is_the_end_of_it(tenant, browser, linked, clock):
    """Whatever an earlier attempt did: the tenant looked at the identity, and it is there."""
    tenant.faults.add(UNLINK, "lost_request")
    body = {"statusCode": 400, "error": "Bad Request", "message": "No.", "errorCode": "invalid_body"}
    tenant.faults.add(UNLINK, "answer", status=400, json=body)
    assert error_code(unlink(browser, linked)) == "unlink_refused"
    nothing_working()
