"""A SQLite database in a file that cannot grow any more, or that cannot be written to for a moment."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from tests.support.commits import WRITE
from tests.support.file_database import database_in_a_file

_PAGE = 512  # bytes, the smallest: little is written without another page
_NO_LIMIT = 1_000_000


class Disk:
    """What the file lies on: SQLITE_FULL, "database or disk is full"."""

    def __init__(self) -> None:
        self._limit = _NO_LIMIT

    def fill(self) -> None:
        """Leave no room for another page."""
        with connection.cursor() as cursor:
            self._limit = cursor.execute("PRAGMA page_count").fetchone()[0]
        self._apply(connection)

    def make_room(self) -> None:
        self._limit = _NO_LIMIT
        self._apply(connection)

    def connected(self, connection: Any, **_: Any) -> None:
        self._apply(connection)

    def _apply(self, connection: Any) -> None:
        if connection.connection is not None:
            connection.connection.execute(f"PRAGMA max_page_count = {self._limit}")


def _run(action: Callable[[], Any]) -> Any:
    return action()


@contextmanager
def on_a_disk(folder: Path) -> Iterator[Disk]:
    """Move the default database into a file of small pages, with what it holds, for the duration."""
    disk = Disk()
    with database_in_a_file(folder) as path:
        with sqlite3.connect(path) as file:
            file.execute(f"PRAGMA page_size = {_PAGE}")
            file.execute("PRAGMA auto_vacuum = FULL")  # no page is free between two transactions
            file.execute("VACUUM")
        file.close()
        connection_created.connect(disk.connected)
        try:
            yield disk
        finally:
            connection_created.disconnect(disk.connected)


class Writes:
    """Every writing statement, counted from 0, and something that happens right before one of them.

    Attributes:
        tables: What they wrote to, oldest first.
        failed: The numbers of those that failed.
    """

    def __init__(self, number: int = -1, strike: Callable[[Callable[[], Any]], Any] = _run) -> None:
        self.tables: list[str] = []
        self.failed: list[int] = []
        self._number, self._strike = number, strike

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        written = WRITE.match(sql)
        if written is None:
            return execute(sql, params, many, context)
        number = len(self.tables)
        self.tables.append(written[1].removeprefix("stateful_oauth_"))
        strike = self._strike if number == self._number else _run
        try:
            return strike(lambda: execute(sql, params, many, context))
        except OperationalError:
            self.failed.append(number)
            raise


def without_writing(action: Callable[[], Any]) -> Any:
    """Let the operating system refuse every write to a file meanwhile: SQLITE_IOERR, "disk I/O error"."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        return action()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
