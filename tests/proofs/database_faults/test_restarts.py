"""PostgreSQL crashes in the middle, and comes back: at once, or after people have met its absence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import close_old_connections, connection

from stateful_oauth.django import wiring
from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.flows.engine.errors import StoreUnavailable
from stateful_oauth.flows.engine.outcomes import Failed, Outcome
from tests.support.attempts import Attempt
from tests.support.callers import Person
from tests.support.crashes import at
from tests.support.faulted import AFTERWARDS, prepared, survives
from tests.support.postgresql import PostgreSQL
from tests.support.recovering import recover_all
from tests.support.rows import check_rows, nothing_working, show
from tests.support.together import together
from tests.support.verdict import violations

pytestmark = pytest.mark.database

WORKERS = 6
# An effect of each flow that must not happen twice.
EFFECTS = {
    "exchange_code": "another sign-in",
    "complete_connection": "connecting",
    "link_accounts": "linking after a proof",
    "disconnect": "disconnecting",
    "unlink": "unlinking",
}


@pytest.fixture(scope="module")
def own_server(django_db_setup: None, django_db_blocker: Any) -> Iterator[PostgreSQL | None]:
    """A server that no other test needs."""
    if connection.vendor != "postgresql":
        yield None
        return
    server = PostgreSQL()
    try:
        with django_db_blocker.unblock(), on(server):
            call_command("migrate", verbosity=0)
        yield server
    finally:
        server.stop()


class on:  # noqa: N801 - a context manager that reads like one
    """Have the default database be that of another server."""

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server

    def __enter__(self) -> None:
        settings = connection.settings_dict
        self._before = {name: settings[name] for name in ("HOST", "NAME")}
        connection.close()
        settings.update({"HOST": self._server.host, "NAME": "postgres"})

    def __exit__(self, *_: Any) -> None:
        connection.close()
        connection.settings_dict.update(self._before)


@pytest.fixture
def server(own_server: PostgreSQL | None, transactional_db: None) -> Iterator[PostgreSQL]:
    if own_server is None:
        pytest.skip("SQLite has no server")
    own_server.come_back()
    with on(own_server):
        call_command("flush", verbosity=0, interactive=False)
        yield own_server
        own_server.come_back()


def restart(server: PostgreSQL) -> Callable[[], None]:
    def run() -> None:
        server.go_down()
        server.come_back()

    return run


@pytest.mark.parametrize("afterwards", AFTERWARDS)
@pytest.mark.parametrize("step", EFFECTS)
def test_a_crash_between_claim_and_settle(tenant, clock, server, step, afterwards):
    journey = prepared(EFFECTS[step], tenant, clock)
    assert survives(journey, at("effect.after", step, restart(server)), afterwards)


@pytest.mark.parametrize("step", EFFECTS)
def test_a_server_that_stays_away_for_a_while(tenant, clock, server, step):
    """The person reloads while it is away, and again when it is back."""
    journey = prepared(EFFECTS[step], tenant, clock)
    absences = iter((lambda: None, server.come_back))

    def repair() -> None:
        next(absences, int)()

    fault = at("effect.after", step, server.go_down)
    assert survives(journey, fault, "the person reloads", repair=repair)
    assert [status for status, _ in journey.browser.answers].count(503) >= 2


def test_a_sweep_in_the_middle_of_a_crash_goes_on_with_the_next_row(tenant, clock, server):
    lost = []
    for number in range(4):
        attempt = Attempt(tenant, Person(f"browser {number}")).authorize()
        with pytest.raises(StoreUnavailable), at("effect.after", "exchange_code", restart(server)):
            attempt.deliver()
        close_old_connections()
        lost.append(attempt.id)
    clock.advance(60)
    with at("settle.before_commit", "fail", restart(server)):
        first = recover_due()
    assert (first.counts["given_up"], first.counts["broken"]) == (3, 1), first
    second = recover_due()
    assert (second.counts["given_up"], second.counts["broken"]) == (1, 0), second
    nothing_working()
    recover_all(clock.advance)
    assert violations(tenant) == []


class TestWhileWorkersWait:
    """A clock that really waits: the workers that lost wait for the winner."""

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        from tests.support.lockstep import RunningClock

        clock = RunningClock()
        monkeypatch.setattr(wiring, "clock", clock)
        return clock

    def test_everybody_gets_an_answer_and_all_goes_on(self, tenant, clock, server):
        attempt = Attempt(tenant).authorize()
        waiting: set[int] = set()
        all_wait = threading.Event()
        sleep = clock.sleep

        def counted(seconds: float) -> None:
            waiting.add(threading.get_ident())
            if len(waiting) == WORKERS - 1:
                all_wait.set()
            sleep(seconds)

        clock.sleep = counted

        def crash() -> None:
            assert all_wait.wait(30), "The others did not wait."
            restart(server)()

        def deliver() -> Outcome | StoreUnavailable:
            try:
                return attempt.deliver(Person())
            except StoreUnavailable as error:
                return error

        with at("effect.after", "exchange_code", crash):
            answers = together([deliver] * WORKERS)
        close_old_connections()
        assert [answer.code for answer in answers] == ["store_unavailable"] * WORKERS
        clock.advance(60)
        after = together([deliver] * WORKERS)
        assert {(type(each), each.code) for each in after} == {(Failed, "code_exchange_lost")}, (
            f"{after}\n{show(attempt.id)}"
        )
        assert tenant.requests["/oauth/token"] == 1
        check_rows()
        recover_all(clock.advance)
        assert violations(tenant) == []
