"""Signals: each transition and each outcome, after the commit, whatever the receivers make of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.dispatch import Signal
from django.test import TestCase

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.django.signals import flow_settled, transition_made
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.outcomes import Cancelled, Expired
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.browser import Browser
from tests.support import rows
from tests.support.attempts import Attempt
from tests.support.callers import Operator, Person
from tests.support.counting import counted

ADA = "ada@example.com"
pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def listen() -> Iterator[Callable[..., list[Any]]]:
    """Return what collects the arguments of a signal, or calls a receiver with them."""
    connected: list[tuple[Signal, Any]] = []

    def connect(signal: Signal, receiver: Callable[..., Any] | None = None) -> list[Any]:
        heard: list[Any] = []

        def receive(*, signal: Signal, sender: Any, **given: Any) -> None:
            assert sender is FlowTransaction
            heard.append(given)
            if receiver is not None:
                receiver(**given)

        signal.connect(receive, weak=False)
        connected.append((signal, receive))
        return heard

    yield connect
    for signal, receiver in connected:
        signal.disconnect(receiver)


@pytest.fixture
def browser(tenant, transactional_db):
    return Browser(tenant)


def steps(heard: list[Any]) -> list[rows.Step]:
    made = [each["transition"] for each in heard]
    return [(each.source, each.event, each.target) for each in made]


@pytest.mark.security("B50")
def test_each_transition_is_told_once_and_in_order(browser, listen):
    heard = listen(transition_made)
    browser.sign_in(ADA)
    assert steps(heard) == rows.steps() != []


def test_a_transition_says_what_the_log_says(browser, listen, clock):
    heard = listen(transition_made)
    address = browser.authorize(browser.start(), ADA)
    clock.advance(7)
    browser.get(address)
    start, claim, exchanged, resolved = (each["transition"] for each in heard)
    assert {each.transaction for each in (start, claim, exchanged, resolved)} == {rows.the_row().pk}
    assert {(each.flow, each.tenant, each.actor) for each in (start, claim)} == {
        ("login", "default", "browser")
    }
    assert [each.duration for each in (start, claim, exchanged, resolved)] == [0, 7, 0, 0]
    assert [each.effect for each in (start, claim, exchanged, resolved)] == ["", "exchange_code", "", ""]
    assert [each.attempts for each in (start, claim, exchanged, resolved)] == [0, 1, 1, 0]
    assert (start.at, claim.at) == (rows.the_row().created_at, rows.the_row().changed_at)


def test_everything_is_committed_when_a_receiver_runs(browser, listen):
    seen: list[tuple[bool, str, str]] = []

    def look(transition: Any) -> None:
        state = FlowTransaction.objects.get(pk=transition.transaction).state
        seen.append((connection.in_atomic_block, state, transition.target))

    listen(transition_made, look)
    browser.sign_in(ADA)
    assert seen == [
        (False, "awaiting_callback", "awaiting_callback"),
        (False, "exchanging_code", "exchanging_code"),
        (False, "signed_in", "resolving_account"),
        (False, "signed_in", "signed_in"),
    ]


def test_an_outcome_says_whose_it_was(browser, listen):
    heard = listen(flow_settled)
    browser.sign_in(ADA, "/profile/")
    (settled,) = heard
    outcome = settled["outcome"]
    assert isinstance(outcome, SignedIn)
    assert (outcome.transaction_id, outcome.user_id) == (rows.the_row().pk, browser.user_id)
    assert (outcome.next_url, outcome.replayed, outcome.code) == ("/profile/", False, "")


def test_every_way_a_transaction_ends_is_an_outcome(tenant, listen, clock):
    heard = listen(flow_settled)
    Attempt(tenant).decline().deliver()
    late = Attempt(tenant)
    clock.advance(601)
    wiring.engine().recover(late.id, SystemCaller())
    wiring.engine().dispatch(Attempt(tenant).id, Event("cancel"), Operator(), kind="login")
    ended = [(type(each["outcome"]), each["outcome"].code) for each in heard]
    assert ended == [
        (Cancelled, "access_denied"),
        (Expired, "transaction_expired"),
        (Cancelled, "cancelled_by_operator"),
    ]


def test_telling_asks_nothing_of_the_database(browser, listen):
    browser.sign_in(ADA)  # so that both below are of a returning user
    spent = []
    for listeners in ([], [transition_made, flow_settled]):
        for signal in listeners:
            listen(signal)
        another = Browser(browser._tenant)
        with counted() as count:
            another.sign_in(ADA)
        spent.append((count.statements, count.commits))
    assert spent[0] == spent[1]


def test_what_moves_nothing_is_no_signal(tenant, listen):
    attempt = Attempt(tenant).authorize()
    attempt.deliver()
    moved, settled = listen(transition_made), listen(flow_settled)
    attempt.deliver()
    attempt.deliver(Person("eve's laptop"))
    wiring.engine().follow(attempt.id, attempt.person)
    assert (moved, settled) == ([], [])


def test_a_sign_in_that_is_rolled_back_is_not_told(tenant, listen, monkeypatch):
    heard = listen(transition_made)
    attempt = Attempt(tenant).authorize()

    class Broken(Person):
        def settled(self, outcome: Any) -> None:
            raise LookupError("no session can be made")

    with pytest.raises(LookupError):
        attempt.deliver(Broken())
    assert steps(heard) == rows.steps(attempt.id)
    assert steps(heard)[-1] == ("exchanging_code", "fail", "failed")


@pytest.mark.parametrize("error", [RuntimeError("a bug"), DatabaseError("no such table: audit")])
def test_a_receiver_that_raises_changes_nothing_and_is_logged(browser, listen, caplog, error):
    def fail(**given: Any) -> None:
        raise error

    listen(transition_made, fail)
    listen(flow_settled, fail)
    others = listen(transition_made)
    response = browser.sign_in(ADA, "/profile/")
    assert (response.status_code, response["Location"]) == (303, "/profile/")
    assert browser.user_id is not None
    assert rows.the_row().state == "signed_in"
    assert len(others) == 4, "Another receiver was not called."
    logged = [record for record in caplog.records if record.name == "django.dispatch"]
    assert len(logged) == 5
    assert all(record.levelno == logging.ERROR for record in logged)


def test_a_receiver_of_a_signal_may_write_to_the_database(browser, listen):
    from django.contrib.auth.models import Group

    listen(flow_settled, lambda outcome: Group.objects.create(name=f"signed in: {outcome.user_id}"))
    browser.sign_in(ADA)
    assert Group.objects.get().name == f"signed in: {browser.user_id}"


@pytest.mark.django_db
class TestInsideATransaction(TestCase):
    """In a test case of Django's, whose transaction is never committed, a signal waits for the commit."""

    def test_it_is_told_when_the_test_runs_what_waits_for_the_commit(self) -> None:
        from tests.support import tenants

        tenant = tenants.make_tenant()
        tenants.current.append(tenant)
        for made in (wiring.flows, wiring.provider, wiring.engine):
            made.cache_clear()
        heard: list[Any] = []
        receiver = lambda transition, **others: heard.append(transition)  # noqa: E731
        transition_made.connect(receiver)
        try:
            with self.captureOnCommitCallbacks(execute=False) as waiting:
                Attempt(tenant)
            assert (len(waiting), heard) == (1, [])
            waiting[0]()
            assert [each.event for each in heard] == ["start"]
        finally:
            transition_made.disconnect(receiver)
            tenants.current.pop()
