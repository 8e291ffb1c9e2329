"""The process ends at every named place of every step of a sign-in; then time passes and recovery runs."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import override_settings

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.crash_points import CRASH_POINTS, observed
from stateful_oauth.storage.models import FlowTransaction, Identity
from tests.support import rows
from tests.support.crash_tables import CONNECT
from tests.support.crashes import crash_at

pytestmark = pytest.mark.database

ADA = "ada@example.com"
# Every place of a sign-in, with what becomes of the row: after the crash, after recovery, and whether the
# browser is signed in once it has opened the callback again.
START_PLAIN = {
    ("start.before_commit", "start"): (None, None, False),
    ("start.after_commit", "start"): ("awaiting_callback", "expired", False),
}
START_PUSHED = {
    ("start.before_commit", "start"): (None, None, False),
    ("start.after_commit", "start"): ("pushing_request", "awaiting_callback", True),
    ("effect.before", "push_request"): ("pushing_request", "awaiting_callback", True),
    ("effect.after", "push_request"): ("pushing_request", "awaiting_callback", True),
    ("settle.before_commit", "request_pushed"): ("pushing_request", "awaiting_callback", True),
    ("settle.after_commit", "request_pushed"): ("awaiting_callback", "awaiting_callback", True),
}
CALLBACK = {
    ("claim.before_commit", "callback"): ("awaiting_callback", "awaiting_callback", True),
    ("claim.after_commit", "callback"): ("exchanging_code", "failed", False),
    ("effect.before", "exchange_code"): ("exchanging_code", "failed", False),
    ("effect.after", "exchange_code"): ("exchanging_code", "failed", False),
    ("settle.before_commit", "code_exchanged"): ("exchanging_code", "failed", False),
    ("settle.after_commit", "code_exchanged"): ("signed_in", "signed_in", True),
}
# What recovery itself goes through, after a first crash.
RECOVERY = {
    ("claim.before_commit", "retry"): ("pushing_request", "awaiting_callback"),
    ("claim.after_commit", "retry"): ("pushing_request", "awaiting_callback"),
    ("effect.before", "push_request"): ("pushing_request", "awaiting_callback"),
    ("effect.after", "push_request"): ("pushing_request", "awaiting_callback"),
    ("settle.before_commit", "request_pushed"): ("pushing_request", "awaiting_callback"),
    ("settle.after_commit", "request_pushed"): ("awaiting_callback", "awaiting_callback"),
}


@pytest.fixture
def pushing(tenant):
    tenant.settings.par = True
    with override_settings(STATEFUL_OAUTH={**settings.STATEFUL_OAUTH, "PUSHED_AUTHORIZATION_REQUESTS": True}):
        yield


def state() -> str | None:
    row = FlowTransaction.objects.first()
    return row.state if row else None


def time_passes_and_recovery_runs(clock, seconds: float = 60) -> None:
    clock.advance(seconds)
    for id_ in FlowTransaction.objects.values_list("pk", flat=True):
        wiring.engine().recover(id_, SystemCaller())
    rows.nothing_working()
    rows.check_rows()


def agree_with(tenant, browser) -> None:
    """The rows say what really happened at the tenant."""
    for entry in tenant.ledger.entries("code_exchanged"):
        assert tenant.ledger.count("code_exchanged", code=entry.fields["code"]) == 1, (
            "A code was exchanged twice."
        )
    assert tenant.requests["/oauth/token"] <= 1, "A code was sent twice."
    assert tenant.ledger.count("family_revoked") == 0, (
        "A repeated exchange made the tenant revoke what it granted."
    )
    signed_in = FlowTransaction.objects.filter(state="signed_in").count()
    assert Identity.objects.count() == signed_in, "An identity without a sign-in, or the other way round."
    assert signed_in <= tenant.ledger.count("code_exchanged")
    if not signed_in:
        assert browser.user_id is None


def test_these_tables_name_every_place_that_a_sign_in_passes(tenant, browser, clock):
    passed: list[tuple[str, str]] = []
    with observed(lambda *place: passed.append(place)):
        browser.sign_in(ADA)
    assert passed == [*START_PLAIN, *CALLBACK]


def test_the_crash_points_of_a_pushed_start_are_all_listed(tenant, browser, clock, pushing):
    passed: list[tuple[str, str]] = []
    with observed(lambda *place: passed.append(place)):
        browser.start()
    assert passed == list(START_PUSHED)


def test_no_crash_point_is_left_out():
    named = {point for point, _ in (*START_PLAIN, *START_PUSHED, *CALLBACK, *RECOVERY, *CONNECT)}
    assert named == set(CRASH_POINTS)


@pytest.mark.parametrize(("place", "becomes"), START_PLAIN.items(), ids=map(" of ".join, START_PLAIN))
def test_a_crash_while_starting_leaves_a_row_that_recovers(tenant, browser, clock, place, becomes):
    after_crash, in_the_end, _ = becomes
    with crash_at(*place):
        browser.start()
    assert state() == after_crash
    time_passes_and_recovery_runs(clock, 601)
    assert state() == in_the_end
    agree_with(tenant, browser)
    browser.sign_in(ADA)
    assert browser.user_id, "The browser cannot start again."


@pytest.mark.parametrize(("place", "becomes"), START_PUSHED.items(), ids=map(" of ".join, START_PUSHED))
def test_a_crash_while_starting_with_a_pushed_request(tenant, browser, clock, pushing, place, becomes):
    after_crash, in_the_end, goes_on = becomes
    with crash_at(*place):
        browser.start()
    assert state() == after_crash
    time_passes_and_recovery_runs(clock, 26)  # the lease of pushing; the pushed request still lives
    assert state() == in_the_end
    agree_with(tenant, browser)
    if goes_on:
        address = browser.get(f"/auth/progress/{rows.the_row().pk}/")["Location"]
        browser.get(browser.authorize(address, ADA))
        assert browser.user_id, "What recovery brought on cannot be finished."
        agree_with(tenant, browser)


@pytest.mark.parametrize(("place", "becomes"), RECOVERY.items(), ids=map(" of ".join, RECOVERY))
def test_a_crash_of_recovery_itself(tenant, browser, clock, pushing, place, becomes):
    with crash_at("effect.before", "push_request"):
        browser.start()
    clock.advance(26)
    with crash_at(*place):
        wiring.engine().recover(rows.the_row().pk, SystemCaller())
    assert state() == becomes[0]
    time_passes_and_recovery_runs(clock)
    assert state() == becomes[1]
    agree_with(tenant, browser)


@pytest.mark.parametrize(
    "place", [("claim.before_commit", "expire"), ("claim.after_commit", "expire")], ids=" of ".join
)
def test_a_crash_while_expiring_leaves_a_row_that_expires(tenant, browser, clock, place):
    browser.start()
    clock.advance(601)
    with crash_at(*place):
        wiring.engine().recover(rows.the_row().pk, SystemCaller())
    time_passes_and_recovery_runs(clock)
    assert state() == "expired"


@pytest.mark.parametrize(("place", "becomes"), CALLBACK.items(), ids=map(" of ".join, CALLBACK))
@pytest.mark.parametrize("first", ["recovery", "the browser"])
def test_a_crash_at_the_callback(tenant, browser, clock, place, becomes, first):
    """Whoever comes first afterwards, the sweep or a reload of the callback: the end is the same."""
    after_crash, in_the_end, signed_in = becomes
    callback = browser.authorize(browser.start("/profile/"), ADA)
    with crash_at(*place):
        browser.get(callback)
    assert state() == after_crash
    assert browser.user_id is None, "The answer never came, so the browser has no session yet."
    if first == "recovery":
        time_passes_and_recovery_runs(clock, 31)
        assert state() == in_the_end
    else:
        clock.advance(31)
    response = browser.get(callback)
    assert response.status_code == 303
    assert (browser.user_id is not None) == signed_in, rows.show(rows.the_row().pk)
    assert (
        response["Location"] == "/profile/"
        if signed_in
        else "/error/code_exchange_lost/" in response["Location"]
    )
    time_passes_and_recovery_runs(clock)
    agree_with(tenant, browser)
    if not signed_in:
        browser.sign_in(ADA)
        assert browser.user_id, "The browser cannot start over."


@pytest.mark.parametrize("fault", ["lost_answer", "server_error", "answer"])
@pytest.mark.parametrize(
    "place", [("settle.before_commit", "fail"), ("settle.after_commit", "fail")], ids=" of ".join
)
def test_a_crash_while_noting_a_failure(tenant, browser, clock, fault, place):
    callback = browser.authorize(browser.start("/profile/"), ADA)
    details = {"status": 403, "json": {"error": "invalid_grant"}} if fault == "answer" else {}
    tenant.faults.add("/oauth/token", fault, **details)
    with crash_at(*place):
        browser.get(callback)
    time_passes_and_recovery_runs(clock)
    assert state() == "failed"
    assert tenant.requests["/oauth/token"] == 1
