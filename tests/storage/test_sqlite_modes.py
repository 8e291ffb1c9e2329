"""SQLite's default transaction mode: as right as IMMEDIATE, and as quick."""

from __future__ import annotations

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from stateful_oauth.storage.store import DjangoTransactionStore


@pytest.mark.django_db
def test_taking_the_write_lock_reads_no_row():
    connection = connections["default"]
    if connection.vendor != "sqlite":
        pytest.skip("a question of SQLite")
    mode, connection.transaction_mode = connection.transaction_mode, "DEFERRED"
    try:
        with CaptureQueriesContext(connection) as queries, DjangoTransactionStore().transaction():
            pass
    finally:
        connection.transaction_mode = mode
    (touch,) = [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + touch)
        plan = " ".join(str(line) for line in cursor.fetchall())
    assert "SEARCH" in plan, plan
    assert "SCAN" not in plan, plan
