"""A sign-in belongs to the browser that started it."""

from __future__ import annotations

import re
import uuid

import pytest

from stateful_oauth.django.browser.binding import binding_of, cookie_name, new_binding
from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import error_code, shown
from tests.support.rows import dump, rejections, the_row

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
    return FlowTransaction.objects.get(browser=binding_of(cookie(browser).value).browser).pk


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
    assert len(morsel.value.partition(".")[0]) == 22  # 128 bits


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
    assert [name.partition("-")[0] for name in response.cookies] == ["stateful_oauth", "stateful_oauth"]
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
    assert binding_of(cookie(browser).value) is not None


def test_a_second_start_keeps_the_browsers_secret(browser):
    """Or the other tabs would be lost."""
    browser.start()
    first = binding_of(cookie(browser).value)
    browser.start()
    assert binding_of(cookie(browser).value).browser == first.browser


def test_the_database_keeps_only_the_digest_of_the_secret(browser):
    browser.start()
    assert not [place for place, text in dump().items() if cookie(browser).value.partition(".")[0] in text]


def test_the_attempt_survives_the_loss_of_the_session(browser):
    """Issue 435 of mozilla-django-oidc: the browser was restarted, and the session cookie is gone."""
    browser.sign_in(ADA)
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    del browser.client.cookies["sessionid"]
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


def without_token(page):
    return re.sub(r'(csrfmiddlewaretoken" value=")[^"]+', "", page.content.decode())


@pytest.mark.security("S23")
@pytest.mark.parametrize("page", ["progress/{}/", "link/{}/", "error/other_browser/?transaction={}"])
@pytest.mark.parametrize("has_cookie", [True, False])
def test_another_browser_is_answered_as_for_an_id_that_does_not_exist(
    browser, another_browser, page, has_cookie
):
    browser.start("/profile/?secret-plan")
    stranger = another_browser()
    if has_cookie:
        stranger.client.cookies[cookie_name()] = new_binding().value
    known, unknown = (stranger.get("/auth/" + page.format(id_)) for id_ in (the_row().pk, uuid.uuid4()))
    assert (known.status_code, without_token(known)) == (unknown.status_code, without_token(unknown))
    assert known.get("Location") == unknown.get("Location")


@pytest.mark.security("S23")
@pytest.mark.parametrize("answer", ["confirm", "cancel"])
@pytest.mark.parametrize("has_cookie", [True, False])
def test_another_browsers_form_is_answered_as_for_an_id_that_does_not_exist(
    browser, another_browser, answer, has_cookie
):
    browser.start("/profile/?secret-plan")
    stranger = another_browser()
    if has_cookie:
        stranger.client.cookies[cookie_name()] = new_binding().value
    known, unknown = (stranger.post(f"/auth/link/{id_}/{answer}/") for id_ in (the_row().pk, uuid.uuid4()))
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert known["Location"] == "/auth/error/transaction_unknown/"
