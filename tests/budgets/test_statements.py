"""What each step of a sign-in asks of the database and of the provider: exactly, so that a change is noticed.

The tables under test are the whole promise: at most 15 statements and 4 commits for a returning user's whole
sign-in, one call to the provider, and nothing kept for a visitor who only starts but one row and one record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.http import HttpResponse

from stateful_oauth.emulator import Tenant
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from stateful_oauth.testing.browser import Browser
from tests.support import tenants
from tests.support.counting import counted

# Commits are only commits where the test does not sit in a transaction of its own.
pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

# One short transaction each.
CLAIM = ["UPDATE row", "INSERT log"]
END = ["UPDATE row", "INSERT log"]
# What Django's `login()` and session middleware do for a visitor without a session, and one row of ours:
# find a free key, take it, note the time of the login, and write the session again at the end of the request.
NEW_SESSION = ["SELECT django_session", "INSERT django_session", "UPDATE auth_user"]
# The registry's row, before the session gets its contents.
NEW_SESSION += ["INSERT session", "UPDATE django_session"]
LOG_OF_A_REJECTION = ["SELECT log", "SELECT log", "INSERT log"]
WHO_IS_THERE = ["SELECT django_session", "SELECT auth_user"]

START = ["INSERT row", "INSERT log"]
CALLBACK = ["SELECT row", *CLAIM, "SELECT identity", *END, *NEW_SESSION]


@dataclass
class Cost:
    statements: list[str]
    commits: int
    calls: dict[str, int]


@pytest.fixture
def cost(tenant: Tenant, transactional_db: None) -> Callable[[Callable[[], Any]], tuple[Any, Cost]]:
    """Return what counts a step. Somebody has signed in before: what is kept in memory is there."""
    Browser(tenant).sign_in("ada@example.com")

    def measure(step: Callable[[], Any]) -> tuple[Any, Cost]:
        before = Counter(tenant.requests)
        with counted() as count:
            result = step()
        return result, Cost(count.statements, count.commits, dict(Counter(tenant.requests) - before))

    return measure


@pytest.fixture
def browser(tenant: Tenant, transactional_db: None) -> Browser:
    return Browser(tenant)


def returns(browser: Browser, email: str = "ada@example.com") -> str:
    """Return the address that the provider sends the browser back to."""
    return browser.authorize(browser.start("/profile/"), email)


def test_a_start_in_a_new_browser_costs_one_commit(cost, browser):
    _, spent = cost(browser.start)
    assert spent == Cost(START, 1, {})


def test_a_browser_that_has_a_binding_starts(cost, browser):
    browser.start()
    _, spent = cost(browser.start)
    assert spent == Cost(["SELECT row", *START], 1, {}), "Its waiting attempts are counted first."


def test_a_visitor_who_only_starts_leaves_one_row_one_record_and_no_session(cost, browser):
    kept = [FlowTransaction, TransitionRecord, Session]
    before = [model.objects.count() for model in kept]
    browser.start()
    after = [model.objects.count() for model in kept]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 0]


def test_a_returning_user_comes_back(cost, browser):
    address = returns(browser)
    _, spent = cost(lambda: browser.get(address))
    assert spent == Cost(CALLBACK, 3, {"/oauth/token": 1})


def test_a_new_user_comes_back(cost, browser):
    address = returns(browser, "bob@example.com")
    _, spent = cost(lambda: browser.get(address))
    # An identity that comes later belongs to a user whose sessions may have been ended.
    # A user of another package may have the `sub` as its username: told once, when the user is made.
    username = "SELECT auth_user"
    user = [
        "SELECT identity",
        "SELECT accountlink",
        username,
        "INSERT auth_user",
        "SELECT identity",
        "INSERT identity",
    ]
    assert spent == Cost(["SELECT row", *CLAIM, *user, *END, *NEW_SESSION], 3, {"/oauth/token": 1})


def test_somebody_who_is_signed_in_signs_in_again(cost, browser):
    browser.sign_in("ada@example.com")
    address = returns(browser)
    _, spent = cost(lambda: browser.get(address))
    # The session goes on under another key, which Django takes and gives up as it did the first.
    same = ["SELECT django_session", "UPDATE auth_user", *NEW_SESSION[:2]]
    same += ["SELECT django_session", "DELETE django_session", "DELETE session", "INSERT session"]
    same += ["UPDATE django_session"]
    assert spent == Cost(["SELECT row", *CLAIM, "SELECT identity", *END, *same], 3, {"/oauth/token": 1})


def test_the_page_after_a_sign_in_costs_two_statements(cost, browser):
    arrived = browser.get(returns(browser))
    _, spent = cost(lambda: browser.opens(arrived))
    assert spent == Cost(WHO_IS_THERE, 0, {})


def test_a_whole_sign_in_of_a_returning_user(cost, browser):
    _, start = cost(lambda: browser.start("/profile/"))
    address = returns(browser)
    arrived, callback = cost(lambda: browser.get(address))
    _, page = cost(lambda: browser.opens(arrived))
    whole = [start, callback, page]
    assert sum(len(step.statements) for step in whole) == 15
    assert sum(step.commits for step in whole) == 4
    assert sum(sum(step.calls.values()) for step in whole) == 1


def test_a_callback_that_comes_twice(cost, browser):
    address = returns(browser)
    browser.get(address)
    _, spent = cost(lambda: browser.get(address))
    assert spent == Cost(["SELECT row", *LOG_OF_A_REJECTION, *WHO_IS_THERE, "SELECT django_session"], 1, {})


def test_a_callback_of_somebody_elses_browser(cost, browser, tenant):
    address = returns(browser)
    _, spent = cost(lambda: Browser(tenant).get(address))
    assert spent == Cost(["SELECT row", *LOG_OF_A_REJECTION], 1, {})


def test_a_callback_with_a_state_that_is_none_of_ours_costs_the_database_nothing(cost, browser):
    _, spent = cost(lambda: browser.get("/auth/callback/?state=forged&code=x"))
    assert spent == Cost([], 0, {})


def test_a_sign_in_that_is_cancelled(cost, browser):
    address = str(browser.visitor.decline(browser.start()))
    _, spent = cost(lambda: browser.get(address))
    assert spent == Cost(["SELECT row", *CLAIM], 1, {})


def test_a_start_with_a_pushed_request(tenant, transactional_db, settings):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "PUSHED_AUTHORIZATION_REQUESTS": True}
    tenant.settings.par = True
    tenants.current.append(tenant)
    Browser(tenant).start()
    before = Counter(tenant.requests)
    with counted() as count:
        Browser(tenant).start()
    calls = dict(Counter(tenant.requests) - before)
    tenants.current.pop()
    assert (count.statements, count.commits) == ([*START, *END], 2), "The claim is the row's birth."
    assert calls == {"/oauth/par": 1}


def test_a_sign_out_costs_its_exact_statements(cost, browser):
    browser.sign_in("ada@example.com")
    _, spent = cost(lambda: browser.post("/auth/logout/"))
    # Django reads the session once more before it deletes it.
    # And earlier callbacks in this browser sign nobody in: of what waits, of what is worked on, and of what
    # is over.
    ended = [*["UPDATE row"] * 2, "SELECT row", "UPDATE row"]  # a session that was never fetched has a grant
    ended += ["SELECT session", "DELETE session"]  # one whose response is on its way still; the request's own
    statements = [*WHO_IS_THERE, *ended, "SELECT django_session", "DELETE django_session"]
    assert spent == Cost(statements, 2, {})


def test_a_page_of_an_error_reads_the_row_and_nothing_else(cost, browser):
    refused: HttpResponse = browser.get(str(browser.visitor.decline(browser.start())))
    _, spent = cost(lambda: browser.opens(refused))
    assert spent == Cost(["SELECT row"], 0, {})
