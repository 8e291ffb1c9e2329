"""The database as it was when the exploration began, for every order anew."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from django.db import connections, router

from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


class Beginning:
    """A copy of the transactions' database.

    Raises:
        RuntimeError: It is no SQLite, or the test sits in a transaction of its own.
    """

    def __init__(self) -> None:
        here = _connection()
        if here.vendor != "sqlite":
            raise RuntimeError("Explore on SQLite: there one transaction is one step, whatever it locks.")
        if here.in_atomic_block:
            raise RuntimeError("Let the test commit: @pytest.mark.django_db(transaction=True).")
        self._copy = sqlite3.connect(":memory:", check_same_thread=False)
        _raw(here).backup(self._copy)

    def restore(self) -> None:
        """Have the database be as it was."""
        self._copy.backup(_raw(_connection()))

    def close(self) -> None:
        """Throw the copy away."""
        self._copy.close()


def _connection() -> BaseDatabaseWrapper:
    return connections[router.db_for_write(FlowTransaction)]


def _raw(connection: Any) -> sqlite3.Connection:
    connection.ensure_connection()
    raw: sqlite3.Connection = connection.connection
    return raw
