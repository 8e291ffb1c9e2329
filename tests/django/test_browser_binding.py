"""A sign-in belongs to the browser that started it."""

from __future__ import annotations

import pytest
from error_pages import error_code, shown
from rows import dump, rejections, the_row

from stateful_oauth.django.browser import binding_digest, cookie_name, new_binding
from stateful_oauth.storage.models import FlowTransaction

pytestmark = pytest.mark.database

ADA, BOB = "ada@example.com", "bob@example.com"


def cookie(browser):
    return browser.client.cookies.get(cookie_name())


@pytest.mark.security("S1")
def test_a_callback_in_a_browser_without_the_cookie_is_refused_and_burns_nothing(
    browser, another_browser, tenant
):
    """Login CSRF."""
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    victim = another_browser()
    assert shown(victim, victim.get(callback)) == ("browser_unknown", 403)
    assert victim.user_id is None
    assert tenant.ledger.count("code_exchanged") == 0
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


@pytest.mark.security("S1")
def test_a_callback_in_a_browser_with_a_cookie_of_its_own_is_refused_and_burns_nothing(
    browser, another_browser, tenant
):
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    victim = another_browser()
    own = victim.visitor.authorize(victim.start("/profile/?mine"), BOB)
    assert shown(victim, victim.get(callback)) == ("other_browser", 403)
    assert victim.user_id is None
    assert rejections(the_row_of(browser)) == [("callback", "other_browser")]
    assert browser.get(callback)["Location"] == "/profile/?tab=2"
    assert victim.get(own)["Location"] == "/profile/?mine"
    assert browser.user_id != victim.user_id


def the_row_of(browser):
    return FlowTransaction.objects.get(browser=binding_digest(cookie(browser).value)).pk


@pytest.mark.security("S1")
def test_who_is_signed_in_stays_who_they_are_when_given_somebody_elses_callback(browser, another_browser):
    """The attacker's account must not become the victim's session."""
    attacker, victim = another_browser(), browser
    victim.sign_in(BOB)
    before = victim.user_id
    victim.get(attacker.visitor.authorize(attacker.start(), ADA))
    assert victim.user_id == before


@pytest.mark.security("B49")
def test_somebody_elses_error_page_tells_nothing_of_the_attempt(browser, another_browser):
    """What an error page shows belongs to the browser that asks."""
    callback = browser.visitor.authorize(browser.start("/profile/?secret-plan"), ADA)
    stranger = another_browser()
    stranger.start()
    refused = stranger.get(callback)
    page = stranger.opens(refused).content.decode()
    assert "secret-plan" not in page
    assert str(the_row_of(browser)) not in page


def test_the_cookie_cannot_be_read_by_scripts_sent_in_clear_or_planted_by_another_host(browser):
    browser.start()
    morsel = cookie(browser)
    assert morsel.key == "__Host-stateful_oauth"
    assert morsel["secure"]
    assert morsel["httponly"]
    assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("Lax", "/", "")
    assert len(morsel.value) == 43  # 256 bits


@pytest.mark.security("S8")
def test_a_cookie_that_another_host_planted_without_the_prefix_is_not_looked_at(browser, another_browser):
    """A binding that an attacker knows would bind the victim to the attacker's sign-in."""
    victim = another_browser()
    browser.start()
    victim.client.cookies["stateful_oauth"] = cookie(browser).value
    callback = browser.visitor.authorize(browser.start(), ADA)
    assert error_code(victim.get(callback)) == "browser_unknown"


def test_on_plain_http_to_this_machine_the_cookie_has_no_prefix(browser, configure):
    """Browsers refuse `__Host-` without https."""
    configure(BASE_URL="http://app.example")
    response = browser.get("/auth/login/")
    assert list(response.cookies) == ["stateful_oauth"]
    assert not response.cookies["stateful_oauth"]["secure"]


@pytest.mark.parametrize("value", ["", "short", "x" * 44, "x" * 42 + "=", "x" * 42 + "\xff"])
def test_a_damaged_cookie_counts_as_none(browser, value):
    callback = browser.visitor.authorize(browser.start(), ADA)
    good = cookie(browser).value
    browser.client.cookies[cookie_name()] = value
    assert error_code(browser.get(callback)) == "browser_unknown"
    browser.client.cookies[cookie_name()] = good
    assert browser.get(callback)["Location"] == "/profile/"


def test_a_damaged_cookie_is_replaced_when_a_sign_in_starts(browser):
    browser.client.cookies[cookie_name()] = "damaged"
    browser.start()
    assert len(cookie(browser).value) == 43


def test_a_second_start_keeps_the_browsers_secret(browser):
    """Or the other tabs would be lost."""
    browser.start()
    first = cookie(browser).value
    browser.start()
    assert cookie(browser).value == first


def test_the_database_keeps_only_the_digest_of_the_secret(browser):
    browser.start()
    assert not [place for place, text in dump().items() if cookie(browser).value in text]


def test_the_attempt_survives_the_loss_of_the_session(browser):
    """Issue 435 of mozilla-django-oidc: the browser was restarted, and the session cookie is gone."""
    browser.sign_in(ADA)
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    del browser.client.cookies["sessionid"]
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


def test_another_browser_cannot_follow_the_progress(browser, another_browser):
    browser.start()
    stranger = another_browser()
    stranger.client.cookies[cookie_name()] = new_binding()
    assert error_code(stranger.get(f"/auth/progress/{the_row().pk}/")) == "other_browser"
    assert error_code(another_browser().get(f"/auth/progress/{the_row().pk}/")) == "browser_unknown"
