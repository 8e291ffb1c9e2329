"""Races need several writers: PostgreSQL, or SQLite in a file; and a clock that really waits.

What needs Django's settings is imported late: `pytest tests/proofs/races` reads this file
before they are chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from stateful_oauth.django import wiring
from stateful_oauth.emulator import Tenant
from stateful_oauth.flows.engine.engine import Engine, EnginePolicy
from stateful_oauth.flows.engine.ports import Clock, TransactionStore
from stateful_oauth.testing.browser import Browser
from tests.support.file_database import database_in_a_file


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    from tests.support.lockstep import RunningClock

    clock = RunningClock()
    monkeypatch.setattr(wiring, "clock", clock)
    return clock


@pytest.fixture(autouse=True)
def database(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """Commit for real, on a database that takes several connections."""
    if connection.vendor != "sqlite":
        yield
        return
    with database_in_a_file(tmp_path, timeout=30):
        yield


@pytest.fixture
def browser(tenant: Tenant, database: None) -> Browser:
    return Browser(tenant)


@pytest.fixture
def engine_on(clock: Clock) -> Callable[[TransactionStore], Engine]:
    """Make an engine on another store."""

    from tests.support.engines import engine_with

    def make(store: TransactionStore) -> Engine:
        return engine_with(store=store, clock=clock, policy=EnginePolicy(patience=10))

    return make
