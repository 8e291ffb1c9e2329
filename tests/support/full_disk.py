"""A SQLite database in a file that cannot grow any more: SQLITE_FULL, "database or disk is full"."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from commits import WRITE
from django.db import connection
from django.db.backends.signals import connection_created
from file_database import database_in_a_file

_PAGE = 512  # bytes, the smallest: next to nothing is written without another page
_NO_LIMIT = 1_000_000


class Disk:
    """What the file lies on. `struck` are the beginnings of the statements that found it full."""

    def __init__(self) -> None:
        self.struck: list[str] = []
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

    def statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        try:
            return execute(sql, params, many, context)
        except Exception as error:
            if "database or disk is full" in str(error):
                self.struck.append(sql[:60])
            raise


@contextmanager
def on_a_disk(folder: Path) -> Iterator[Disk]:
    """Move the default database into a file of small pages, with what it holds, for the duration."""
    disk = Disk()
    with database_in_a_file(folder) as path:
        with sqlite3.connect(path) as file:
            file.execute(f"PRAGMA page_size = {_PAGE}")
            file.execute("VACUUM")
        file.close()
        connection_created.connect(disk.connected)
        try:
            with connection.execute_wrapper(disk.statement):
                yield disk
        finally:
            connection_created.disconnect(disk.connected)


class FullFrom:
    """Fills the disk right before the n-th writing statement, counted from 0, and counts them all."""

    def __init__(self, disk: Disk, number: int) -> None:
        self._disk, self._number, self.writes = disk, number, 0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if WRITE.match(sql):
            if self.writes == self._number:
                self._disk.fill()
            self.writes += 1
        return execute(sql, params, many, context)
