"""A tenant rotates its keys while they cannot be read: one sign-in is lost at most, and no code more."""

from __future__ import annotations

import pytest

from stateful_oauth.testing.browser import Browser
from tests.support.error_pages import error_code
from tests.support.rows import check_rows, nothing_working

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

ADA, KEYS = "ada@example.com", "/.well-known/jwks.json"


@pytest.fixture
def rotated(tenant, browser):
    """A site that knows the keys of before."""
    browser.sign_in(ADA)
    tenant.keys.rotate()
    tenant.keys.revoke_previous()
    return tenant


@pytest.mark.parametrize("kind", ["unreachable", "lost_answer", "html", "server_error", "rate_limit"])
def test_failed_fetch_of_keys_costs_no_second_code(rotated, kind):
    fault = rotated.faults.add(KEYS, kind, None)
    first = Browser(rotated)
    assert error_code(first.sign_in(ADA)) == "keys_unavailable"
    spent = rotated.ledger.count("code_exchanged")
    second = Browser(rotated)
    assert error_code(second.sign_in(ADA)) in ("provider_unreachable", "rate_limited")
    assert rotated.ledger.count("code_exchanged") == spent
    rotated.faults.remove(fault)
    assert Browser(rotated).sign_in(ADA)["Location"] == "/profile/"
    nothing_working()
    check_rows()


def test_one_failed_fetch_of_keys_shuts_no_other_sign_in_out(rotated):
    rotated.faults.add(KEYS, "unreachable")
    assert error_code(Browser(rotated).sign_in(ADA)) == "keys_unavailable"
    assert Browser(rotated).sign_in(ADA)["Location"] == "/profile/"


def test_two_rotations_in_a_row_are_survived_at_the_site(rotated):
    assert Browser(rotated).sign_in(ADA)["Location"] == "/profile/"
    rotated.keys.rotate()
    rotated.keys.revoke_previous()
    assert Browser(rotated).sign_in(ADA)["Location"] == "/profile/"
