"""What the engine tells who watches it: transitions once they are committed, and its parts in their order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.storage.models import TransitionRecord
from tests.support import rows
from tests.support.attempts import Attempt
from tests.support.callers import Operator, Person
from tests.support.crashes import at
from tests.support.engines import engine_with
from tests.support.toy import KIND, Bug, Counter, Toyland, make_toy, refuse

# Whether something is committed shows only where the test does not sit in a transaction of its own.
pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


class Watcher:
    """Writes down what it is told, and looks at the database at that moment."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.steps: dict[Any, list[rows.Step]] = {}
        self.before: list[tuple[str, int]] = []

    @contextmanager
    def operation(self, name: str) -> Iterator[Any]:
        self.told.append(f"{name} {{")
        try:
            yield lambda outcome: self.told.append(f"{type(outcome).__name__} {outcome.code}".strip())
        finally:
            self.told.append("}")

    @contextmanager
    def span(self, name: str, transaction: Any, step: str) -> Iterator[None]:
        self.told.append(f"{name} {step} {{")
        try:
            yield
        except BaseException as error:
            self.told.append(type(error).__name__)
            raise
        finally:
            self.told.append("}")

    def transitioned(self, before: Any, after: Any, lines: Any) -> None:
        assert not connection.in_atomic_block, "It was told inside the transaction, which may still fail."
        kept = TransitionRecord.objects.filter(transaction=after.id, rejected=False)
        assert {line.sequence for line in lines} <= {each.sequence for each in kept}, (
            "It is not committed yet."
        )
        assert (before.state, before.version) == (lines[0].source, after.version - len(lines))
        assert (after.state, after.changed_at) == (lines[-1].target, lines[-1].at)
        self.steps.setdefault(after.id, []).extend((each.source, each.event, each.target) for each in lines)
        self.told.append("moved " + " ".join(each.target for each in lines))

    def rejected(self, transaction: Any, line: Any) -> None:
        self.told.append(f"rejected {line.event} {line.code}")


@pytest.fixture
def watcher(tenant, transactional_db):
    watcher = Watcher()
    yield watcher
    for id_, steps in watcher.steps.items():
        assert steps == rows.steps(id_), "It was told something else than the log says."


def engine(watcher: Watcher) -> Engine:
    return engine_with(observer=watcher)


def toyland(watcher: Watcher, clock: Any, **options: Any) -> Toyland:
    counter = options.pop("counter", None) or Counter()
    town = Toyland(make_toy(counter, **options), counter, clock, observer=watcher)
    watcher.told.clear()
    return town


def test_the_observer_is_told_each_step_of_a_sign_in(watcher, tenant):
    attempt = Attempt(tenant, engine=engine(watcher))
    assert watcher.told == [
        *("start {", "claim start {", "}", "moved awaiting_callback", "RedirectTo", "}"),
    ]
    watcher.told.clear()
    attempt.authorize().deliver()
    assert watcher.told == [
        "dispatch {",
        *("claim callback {", "}", "moved exchanging_code"),
        *("effect exchange_code {", "}"),
        *("settle code_exchanged {", "}", "moved resolving_account signed_in"),
        *("SignedIn", "}"),
    ]


def test_the_observer_is_told_of_a_second_delivery(watcher, tenant):
    attempt = Attempt(tenant, engine=engine(watcher)).authorize()
    attempt.deliver()
    watcher.told.clear()
    attempt.deliver()
    assert watcher.told == ["dispatch {", "rejected callback already_completed", "SignedIn", "}"]


def test_the_observer_is_told_of_another_browsers_callback(watcher, tenant):
    attempt = Attempt(tenant, engine=engine(watcher)).authorize()
    watcher.told.clear()
    attempt.deliver(Person("eve's laptop"))
    assert watcher.told == ["dispatch {", "rejected callback other_browser", "Rejected other_browser", "}"]


def test_a_refused_settlement_is_told_as_what_it_became(watcher, clock):
    town = toyland(watcher, clock, counter=Counter(keeps=refuse))
    town.go()
    assert watcher.told[6:] == [
        *("settle counted {", "LocalRefusal", "}"),
        *("settle counted {", "}", "moved keeping failed"),
        *("Failed account_inactive", "}"),
    ]


def test_a_lost_answer_and_its_repetition(watcher, clock):
    town = toyland(watcher, clock, counter=Counter(troubles=["request lost"]))
    town.go()
    assert watcher.told == [
        "dispatch {",
        *("claim go {", "}", "moved counting"),
        *("effect count {", "AnswerLost", "}"),
        *("claim retry {", "}", "moved counting"),
        *("effect count {", "}"),
        *("settle counted {", "}", "moved keeping done"),
        *("Finished", "}"),
    ]


def test_a_result_that_is_dropped_is_no_transition(watcher, clock):
    town = toyland(watcher, clock)
    abandon = lambda: town.engine.dispatch(town.id, Event("abandon"), Operator(), kind=KIND)  # noqa: E731
    with at("effect.after", "count", abandon):
        town.go()
    assert watcher.told[-5:] == ["settle counted {", "FenceLost", "}", "Abandoned abandoned", "}"]
    assert "moved abandoned" in watcher.told


def test_a_mistake_in_an_effect(watcher, clock):
    town = toyland(watcher, clock, counter=Counter(troubles=["bug"]))
    with pytest.raises(Bug):
        town.go()
    assert watcher.told[-5:] == ["effect count {", "Bug", "}", "moved failed", "}"]


def test_recovery_of_what_waited_too_long(watcher, clock):
    town = toyland(watcher, clock)
    clock.advance(61)
    town.engine.recover(town.id, SystemCaller())
    assert watcher.told == [
        *("recover {", "claim expire {", "}", "moved expired", "Expired transaction_expired", "}"),
    ]


def test_the_oldest_of_too_many(watcher, tenant):
    own = engine(watcher)
    own._policy = type(own._policy)(open_per_browser=1)
    Attempt(tenant, engine=own)
    watcher.told.clear()
    Attempt(tenant, engine=own)
    assert watcher.told[:4] == ["start {", "claim expire {", "}", "moved expired"]
