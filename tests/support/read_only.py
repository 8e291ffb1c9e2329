"""A database that answers and takes no writes, as one that is being replaced or has no space left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_SWITCHES = {
    # Two statements: the session's next transactions, and the server's answer is SQLSTATE 25006.
    "postgresql": ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off"),
    "sqlite": ("PRAGMA query_only = 1", "PRAGMA query_only = 0"),
}


@contextmanager
def read_only() -> Iterator[None]:
    """Let the test's connection refuse all writes; not within a database transaction."""
    on, off = _SWITCHES[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(on)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(off)
