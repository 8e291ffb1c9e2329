"""One structured line per transition and per rejected event, on the logger `stateful_oauth.transitions`."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.django.telemetry import observer
from stateful_oauth.django.telemetry.observer import SiteObserver
from stateful_oauth.flows.engine.effects import Event
from tests.support import rows
from tests.support.attempts import Attempt
from tests.support.callers import Operator, Person
from tests.support.toy import Counter, Toyland, make_toy

ADA = "ada@example.com"
LOGGER = "stateful_oauth.transitions"
FIELDS = {
    *("transaction", "flow", "tenant", "event", "source", "target", "actor", "code", "effect"),
    *("attempts", "duration", "rejected"),
}
_USUAL = logging.LogRecord("", 0, "", 0, "", (), None).__dict__.keys() | {"message", "taskName"}


@pytest.fixture
def lines(caplog, db):
    """Return what was logged so far: the `extra` of each line."""
    caplog.set_level(logging.INFO, LOGGER)

    def read() -> list[dict[str, Any]]:
        return [
            {name: value for name, value in record.__dict__.items() if name not in _USUAL}
            for record in caplog.records
            if record.name == LOGGER
        ]

    return read


def test_a_sign_in_writes_one_log_line_a_transition(browser, lines, clock):
    address = browser.authorize(browser.start(), ADA)
    clock.advance(12.5)
    browser.get(address)
    same = {
        "transaction": str(rows.the_row().pk),
        "flow": "login",
        "tenant": "default",
        "actor": "browser",
        "code": "",
        "effect": "",
        "attempts": 0,
        "duration": 0.0,
        "rejected": False,
    }
    assert lines() == [
        {**same, "event": "start", "source": "created", "target": "awaiting_callback"},
        {**same, "event": "callback", "source": "awaiting_callback", "target": "exchanging_code"}
        | {"effect": "exchange_code", "attempts": 1, "duration": 12.5},
        {**same, "event": "code_exchanged", "source": "exchanging_code", "target": "resolving_account"}
        | {"attempts": 1},
        {**same, "event": "account_resolved", "source": "resolving_account", "target": "signed_in"},
    ]


def test_the_message_reads_without_the_fields(browser, lines, caplog):
    browser.get(str(browser.visitor.decline(browser.start())))
    id_ = rows.the_row().pk
    assert [record.getMessage() for record in caplog.records if record.name == LOGGER] == [
        f"transaction {id_}: login created --start--> awaiting_callback",
        f"transaction {id_}: login awaiting_callback --cancel--> cancelled (access_denied)",
    ]


def test_a_rejected_event_writes_a_log_line_that_moves_nothing(tenant, lines, clock):
    attempt = Attempt(tenant).authorize()
    clock.advance(3)
    attempt.deliver(Person("eve's laptop"))
    start, rejected = lines()
    moved_nothing = {"event": "callback", "source": "awaiting_callback", "target": "awaiting_callback"}
    why = {"code": "other_browser", "duration": 3.0, "rejected": True}
    assert rejected == start | moved_nothing | why


def test_rejections_are_logged_also_when_the_database_keeps_no_more_of_them(tenant, lines):
    attempt = Attempt(tenant).authorize()
    for _ in range(25):
        attempt.deliver(Person("eve's laptop"))
    assert len(rows.rejections(attempt.id)) == 20
    assert sum(line["rejected"] for line in lines()) == 25


def test_an_operator_by_id_and_not_what_they_wrote(tenant, lines):
    attempt = Attempt(tenant)
    operator = Operator("the customer, +49 170 1234567, called")
    wiring.engine().dispatch(attempt.id, Event("abandon"), operator, kind="login")
    last = lines()[-1]
    assert (last["actor"], last["code"]) == ("operator:7", "abandoned")
    assert "the customer" not in str(lines())


def test_repetitions_are_logged_with_their_attempts_and_durations(lines, clock):
    counter = Counter(troubles=["request lost"])
    town = Toyland(make_toy(counter), counter, clock, observer=SiteObserver(wiring.flows))
    town.go()
    assert [(line["event"], line["code"], line["attempts"]) for line in lines()] == [
        ("start", "", 0),
        ("go", "", 1),
        ("retry", "provider_answer_lost", 2),
        ("counted", "", 2),
        ("kept", "", 0),
    ]


def test_a_sweep_logs_its_transitions_as_the_system(tenant, lines, clock):
    attempt = Attempt(tenant)
    clock.advance(601)
    wiring.engine().recover(attempt.id, SystemCaller())
    last = lines()[-1]
    assert (last["actor"], last["event"], last["duration"]) == ("system", "expire", 601.0)


def test_every_line_has_the_same_fields(tenant, lines):
    attempt = Attempt(tenant).authorize()
    attempt.deliver()
    attempt.deliver()
    assert {frozenset(line) for line in lines()} == {frozenset(FIELDS)}


def test_the_lines_are_the_log_of_the_database(browser, lines):
    browser.sign_in(ADA)
    assert [(line["source"], line["event"], line["target"]) for line in lines()] == rows.steps()


def test_a_handler_that_raises_fails_nothing(browser, lines, caplog, monkeypatch):
    def broken(*args: Any, **kwargs: Any) -> None:
        raise OSError("the disk of the log is full")

    monkeypatch.setattr(observer.transitions_log, "info", broken)
    response = browser.sign_in(ADA, "/profile/")
    browser.get("/auth/callback/?state=forged")
    assert response["Location"] == "/profile/"
    assert "was not told" in caplog.text


def test_a_logger_that_is_off_is_asked_for_nothing(browser, caplog, monkeypatch):
    caplog.set_level(logging.WARNING, LOGGER)
    monkeypatch.setattr(observer, "_transitions", None)
    assert browser.sign_in(ADA, "/profile/")["Location"] == "/profile/"
    assert "was not told" not in caplog.text
