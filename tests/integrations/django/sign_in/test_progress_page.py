"""The page of a browser that waits follows its transaction to the end, however long that takes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.django.pages.progress import progress_of
from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.flows.engine.outcomes import Rejected
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.storage.states import STATES
from tests.support.callers import Operator
from tests.support.crashes import crash_at
from tests.support.rows import check_rows, the_row

pytestmark = pytest.mark.database

ADA = "ada@example.com"
SPINNER = 'class="spinner"'


@pytest.fixture
def in_flight(browser):
    """A sign-in whose worker is at it, or is gone; return the page that follows it."""
    callback = browser.authorize(browser.start("/profile/"), ADA)
    with crash_at("effect.before", "exchange_code"):
        browser.get(callback)
    return f"/auth/progress/{the_row().pk}/"


def row_with(clock, **changes) -> None:
    """Put the row into a state that other effects than those of a sign-in come to."""
    if "due_in" in changes:
        changes["lease_until"] = clock.now() + timedelta(seconds=changes.pop("due_in"))
    FlowTransaction.objects.update(**changes)


def look(browser, address) -> tuple[int, str]:
    page = browser.get(address)
    assert page.status_code == 202, page
    return int(page["Refresh"]), page.content.decode()


def test_at_first_it_looks_every_second_and_then_less_often(browser, clock, in_flight):
    seconds, text = look(browser, in_flight)
    assert seconds == 1
    assert "Signing you in…" in text
    assert SPINNER in text
    assert "longer than usual" not in text
    clock.advance(10)
    assert look(browser, in_flight)[0] == 3


@pytest.mark.parametrize("code", ["rate_limited", "provider_answer_lost", "provider_unreachable"])
@pytest.mark.parametrize(("due_in", "looks_in"), [(0.2, 1), (4.5, 5), (15, 15), (300, 15)])
def test_a_transaction_that_is_due_later_is_looked_at_then(browser, clock, in_flight, code, due_in, looks_in):
    """Looking is what brings it on when nobody sweeps; but somebody may, so it does not wait for ever."""
    row_with(clock, code=code, due_in=due_in)
    seconds, text = look(browser, in_flight)
    assert seconds == looks_in
    assert "This is taking longer than usual." in text
    assert SPINNER in text
    assert str(the_row().pk) in text, "Who asks for help needs the reference."


def test_a_code_that_says_why_the_flow_came_here_is_no_delay(browser, clock, in_flight):
    """A user who declined the link is signed in as they are: that takes no longer than usual."""
    row_with(clock, code="access_denied")
    seconds, text = look(browser, in_flight)
    assert seconds == 1
    assert "longer than usual" not in text


def test_when_it_is_due_looking_brings_it_on(browser, clock, in_flight):
    row_with(clock, code="rate_limited", due_in=30)
    clock.advance(31)
    assert "/error/code_exchange_lost/" in browser.get(in_flight)["Location"]
    check_rows()


def test_a_stuck_transaction_says_that_somebody_has_to_look_at_it(browser, clock, in_flight):
    row_with(clock, stuck_since=clock.now(), code="recovery_exhausted", due_in=0)
    clock.advance(3600)
    for _ in range(2):
        seconds, text = look(browser, in_flight)
        assert seconds == 60
        assert SPINNER not in text, "Nothing turns that nobody is turning."
        assert "our team needs to check it" in text
        assert str(the_row().pk) in text
    assert the_row().version == 2, "Looking moved it."


def test_the_progress_page_goes_on_once_an_operator_has_decided(browser, clock, in_flight):
    row_with(clock, stuck_since=clock.now(), due_in=0)
    assert look(browser, in_flight)[0] == 60
    wiring.engine().recover(the_row().pk, Operator())
    assert "/error/code_exchange_lost/" in browser.get(in_flight)["Location"]


def test_a_row_that_moved_between_two_looks_is_followed(browser, clock, in_flight, monkeypatch):
    id_ = the_row().pk
    lost = Rejected(transaction_id=id_, kind="login", tenant="default", code="fence_lost")
    monkeypatch.setattr(Engine, "follow", lambda self, id_, caller: lost)
    assert look(browser, in_flight)[0] == 1


def test_the_progress_page_tells_another_browser_nothing(browser, clock, in_flight, another_browser):
    row_with(clock, stuck_since=clock.now())
    page = another_browser().get(in_flight)
    assert page.status_code == 303
    assert page["Location"] == "/auth/error/transaction_unknown/"


@pytest.mark.parametrize("kind", [*STATES, "shop.checkout"])
def test_every_flow_says_what_it_does(clock, kind):
    row = FlowTransaction(kind=kind, changed_at=clock.now(), lease_until=clock.now())
    heading = str(progress_of(row).heading)
    assert (heading == "Working on it…") == (kind == "shop.checkout"), heading
