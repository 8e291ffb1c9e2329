"""SQLite cannot write: a clear page, nothing half-written, and once it can again all goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.support.accounts_site import new_tenant
from tests.support.commits import commits
from tests.support.faulted import AFTERWARDS, prepared, survives
from tests.support.full_disk import Writes, on_a_disk, without_writing
from tests.support.journeys import JOURNEYS

# How many statements write, and how many commits there are, on each journey.
WRITES = {
    "first sign-in": 15,
    "another sign-in": 12,
    "connecting": 18,
    "disconnecting": 7,
    "linking without questions": 22,
    "linking after a proof": 29,
    "unlinking": 5,
}
COMMITS = {
    "first sign-in": 5,
    "another sign-in": 4,
    "connecting": 8,
    "disconnecting": 4,
    "linking without questions": 8,
    "linking after a proof": 11,
    "unlinking": 2,
}


def every(counts: dict[str, int]) -> list[tuple[str, int]]:
    return [(name, number) for name, count in counts.items() for number in range(count)]


@pytest.fixture(autouse=True)
def on_sqlite(db: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("a question of SQLite")


@pytest.fixture
def file(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    with on_a_disk(tmp_path):
        yield


@pytest.mark.parametrize("name", JOURNEYS)
def test_the_tables_of_writes_count_every_write_and_commit(tenant, clock, file, name):
    journey = prepared(name, tenant, clock)
    with connection.execute_wrapper(writes := Writes()), commits() as committed:
        journey.travel()
    assert journey.arrived()
    assert len(writes.tables) == WRITES[name], writes.tables
    assert len(committed.names) == COMMITS[name], committed.names


@pytest.mark.parametrize("name", JOURNEYS)
def test_the_disk_is_full_at_every_write_that_needs_room(clock, transactional_db, tmp_path, name):
    """Full from the first write on, then from the one after that which failed, and so on to the last."""
    failed: list[int] = []
    tables: list[str] = []
    while True:
        folder = tmp_path / str(len(failed))
        folder.mkdir()
        with on_a_disk(folder) as disk, new_tenant(clock) as tenant:

            def full(action: Callable[[], Any], fill: Callable[[], None] = disk.fill) -> Any:
                fill()
                return action()

            journey = prepared(name, tenant, clock)
            writes = Writes(failed[-1] + 1 if failed else 0, full)
            afterwards = AFTERWARDS[len(failed) % 2]
            survives(journey, connection.execute_wrapper(writes), afterwards, repair=disk.make_room)
        if not writes.failed:
            break
        failed.append(writes.failed[0])
        tables.append(writes.tables[writes.failed[0]])
    # The first to fail is always the row of the start; later ones depend on how the pages lie.
    assert tables[0] == "flowtransaction", tables
    assert len(failed) >= 2, tables


@pytest.mark.parametrize(("name", "number"), every(WRITES))
def test_a_statement_cannot_be_written(tenant, clock, file, name, number):
    journey = prepared(name, tenant, clock)
    writes = Writes(number, without_writing)
    seen = survives(journey, connection.execute_wrapper(writes), AFTERWARDS[number % 2])
    # What lies where the transaction has written before is written by the commit.
    assert seen or not writes.failed or writes.tables[number] == "grant", writes.tables[number]


@pytest.mark.parametrize(("name", "number"), every(COMMITS))
def test_a_commit_cannot_be_written(tenant, clock, file, name, number):
    journey = prepared(name, tenant, clock)
    assert survives(journey, commits(number, without_writing), AFTERWARDS[number % 2])
