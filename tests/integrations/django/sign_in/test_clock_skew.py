"""Two machines, two clocks: a little apart is fine, and too far apart has its own code."""

from __future__ import annotations

import pytest

from tests.support.error_pages import shown

pytestmark = pytest.mark.database

ADA = "ada@example.com"


@pytest.mark.security("T9", "T10")
@pytest.mark.parametrize("seconds", [-600, -60, -29, 0, 1, 29, 30])
def test_clocks_that_differ_by_less_than_the_leeway_do_not_matter(browser, tenant, seconds):
    """Ahead up to the leeway, behind up to the age that a token may have."""
    tenant.clock.advance(seconds)
    assert browser.sign_in(ADA)["Location"] == "/profile/"


@pytest.mark.security("T10")
@pytest.mark.parametrize("seconds", [31, 3600])
def test_a_token_from_the_future_is_refused(browser, tenant, seconds):
    tenant.clock.advance(seconds)
    assert shown(browser, browser.sign_in(ADA)) == ("id_token_issued_at", 502)
    assert browser.user_id is None


@pytest.mark.security("T10")
def test_a_token_from_too_long_ago_is_refused(browser, tenant):
    tenant.clock.advance(-700)
    assert shown(browser, browser.sign_in(ADA)) == ("id_token_issued_at", 502)


@pytest.mark.security("T9")
def test_a_provider_that_is_a_day_behind_sends_tokens_that_have_expired(browser, tenant):
    tenant.clock.advance(-86_400)
    assert shown(browser, browser.sign_in(ADA)) == ("id_token_expired", 502)


def test_the_leeway_is_a_setting(browser, tenant, configure):
    configure(LEEWAY=60)
    tenant.clock.advance(45)
    assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_a_site_whose_clock_is_set_back_in_between_still_signs_in(browser, clock, tenant):
    tenant.clock.set(clock.timestamp())
    callback = browser.visitor.authorize(browser.start(), ADA)
    clock.advance(-20)
    assert browser.get(callback)["Location"] == "/profile/"
