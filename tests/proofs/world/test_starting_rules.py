"""The World's rules of starting: background requests start nothing, and first tabs all finish."""

from __future__ import annotations

import pytest

from stateful_oauth.django.actions import restarting, start_requests
from stateful_oauth.django.browser import binding as browser
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.world import Configuration, World, step
from stateful_oauth.testing.world.starting import BACKGROUND_REQUESTS
from stateful_oauth.testing.world.violations import Violation

pytestmark = [pytest.mark.django_db(transaction=True)]

SETTLED = step("settle_in", configuration=Configuration(linking="off"))


def first_tabs(order):
    """Return a scenario: three first tabs, each authorized and then opened; numbers count from the newest."""
    return (
        SETTLED,
        step("start_first_tabs", browser=0, number=3),
        *(step("authorize", tab=number, account=0, browser=None) for number in (0, 1, 2)),
        *(step("open_callback", tab=number, change="", browser=None, faults=()) for number in order),
    )


@pytest.mark.parametrize("how", BACKGROUND_REQUESTS)
def test_the_worlds_background_request_starts_nothing(how):
    World.replay(SETTLED, step("ask_in_background", browser=0, how=how))


def test_background_request_that_starts_something_is_found(monkeypatch):
    monkeypatch.setattr(start_requests, "is_background", lambda request: False)
    with pytest.raises(Violation, match="only a navigation starts a flow"):
        World.replay(SETTLED, step("ask_in_background", browser=0, how="fetch"))


@pytest.fixture
def end_states(monkeypatch):
    """Replay a scenario; return the states of its rows at the end."""

    def replay(*steps):
        states = []

        def note(world):
            states.extend(FlowTransaction.objects.values_list("state", flat=True))

        monkeypatch.setattr(World, "at_rest", (*World.at_rest, note))
        World.replay(*steps)
        return states

    return replay


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
def test_the_worlds_first_tabs_all_finish(order, end_states):
    assert end_states(*first_tabs(order)) == ["signed_in"] * 3


def test_without_cookies_of_their_own_first_tabs_are_lost(end_states, monkeypatch):
    """Or the scenario would prove nothing."""
    bound = browser.new_binding
    monkeypatch.setattr(browser, "new_binding", lambda: browser.Binding(bound().ids))
    assert end_states(*first_tabs((2, 1, 0))).count("signed_in") == 1


@pytest.fixture
def refused():
    """A scenario that ends with a refused sign-in in the newest tab."""
    return (
        SETTLED,
        step("start_sign_in", browser=0, faults=()),
        step("decline", tab=0),
        step("open_callback", tab=0, change="", browser=None, faults=()),
    )


def test_another_account_is_asked_for_after_a_refusal(refused, end_states):
    assert end_states(*refused, step("use_another_account", tab=0)) == ["cancelled", "expired"]


def test_restart_that_asks_for_no_other_account_is_found(refused, monkeypatch):
    monkeypatch.setattr(restarting, "asks_for_another_account", lambda request: False)
    with pytest.raises(Violation, match="no page leads to the same refusal"):
        World.replay(*refused, step("use_another_account", tab=0))
