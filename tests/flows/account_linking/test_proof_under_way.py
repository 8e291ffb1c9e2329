"""Another sign-in in the browser ends a question also while a worker has it in hand."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.storage.models import AccountLink, FlowTransaction
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import XPTO
from tests.support.crashes import at, crash_at
from tests.support.error_pages import error_code
from tests.support.link_pages import asked
from tests.support.rows import check_rows, show
from tests.support.waiting import waited

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

GOOGLE = "google-oauth2"
LINK = "/api/v2/users/{id}/identities"


@pytest.fixture
def people(tenant):
    """The account that was there first, the newcomer, and another; only the newcomer has no user."""
    tenant.settings.par = True
    wiring.provider.cache_clear()
    wiring.engine.cache_clear()
    first = tenant.add_user(email=XPTO, connection=GOOGLE)
    other = tenant.add_user(email="other@example.com", password="a good one")
    for each in (first, other):
        Browser(tenant).sign_in(each.user_id)
    return first, tenant.add_user(email=XPTO, password="a good one"), other


@pytest.fixture
def question(browser, people):
    return asked(browser, browser.sign_in(people[1].user_id))


def row():
    return FlowTransaction.objects.get(kind="account_linking")


def signs_in(browser, user):
    browser.visitor.close_browser()
    assert browser.sign_in(user.user_id)["Location"] == "/profile/"


def stays_signed_in(browser, user):
    assert browser.client.session["stateful_oauth"]["sub"] == user.user_id
    assert not AccountLink.objects.exists()
    check_rows()


@pytest.mark.parametrize("who", [0, 2])
def test_while_its_request_is_pushed(browser, clock, people, question, who):
    with crash_at("effect.before", "push_request"):
        browser.post(f"{question.address}confirm/")
    assert row().state == "pushing_request"
    signs_in(browser, people[who])
    clock.advance(60)
    assert error_code(browser.get(question.address)) == "transaction_unknown", show(row().pk)
    assert error_code(browser.post(f"{question.address}confirm/")) == "transaction_unknown"
    stays_signed_in(browser, people[who])


@pytest.mark.parametrize("who", [0, 2])
def test_while_its_code_is_exchanged(browser, clock, people, question, who):
    proof = browser.authorize(browser.post(f"{question.address}confirm/")["Location"], people[0].user_id)
    tab = browser
    with at("effect.after", "verify_primary", lambda: signs_in(tab, people[who])):
        browser.get(proof)
    stays_signed_in(browser, people[who])


def test_a_link_that_waits_replaces_no_one(tenant, browser, clock, people, question):
    """Its progress page goes on by itself, in a tab that was left open."""
    tenant.faults.add(LINK, "rate_limit", method="POST", reset=600.0)
    waiting = question.confirm(people[0].user_id)
    signs_in(browser, people[2])
    clock.advance(601)
    waited(browser, waiting, clock)
    stays_signed_in(browser, people[2])


def test_a_link_that_waits_goes_on_when_who_proved_it_signs_in(tenant, browser, clock, people, question):
    tenant.faults.add(LINK, "rate_limit", method="POST", reset=600.0)
    waiting = question.confirm(people[0].user_id)
    signs_in(browser, people[0])
    clock.advance(601)
    assert waited(browser, waiting, clock)["Location"] == "/profile/"
    assert AccountLink.objects.exists()


@pytest.mark.parametrize("who", [1, 2])
def test_a_held_sign_in_replaces_no_one(tenant, browser, clock, people, who):
    """Held before anybody was asked: candidates could not be looked for."""
    third = tenant.add_user(email="third@example.com", password="a good one")
    tenant.faults.add("/api/v2/users-by-email", "rate_limit", reset=600.0)
    waiting = browser.sign_in(third.user_id)
    if who == 1:  # in another tab, and now nothing is busy
        browser.visitor.close_browser()
        clock.advance(1)
    else:
        signs_in(browser, people[2])
    clock.advance(601)
    last = waited(browser, waiting, clock)
    if who == 2:
        assert error_code(last) == "transaction_unknown"
        stays_signed_in(browser, people[2])
    else:
        assert last["Location"] == "/profile/"
