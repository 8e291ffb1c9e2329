"""What the database means to do for a statement."""

from __future__ import annotations

from typing import Any

from django.db import connection

_TABLES = ("stateful_oauth_flowtransaction", "stateful_oauth_transitionrecord", "stateful_oauth_identity")

_OF_OPEN_ROWS = ("stateful_oauth_waiting", "stateful_oauth_working", "stateful_oauth_browser")


def plan(sql: str, parameters: Any) -> str:
    """Return the plan as text."""
    explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
    with connection.cursor() as cursor:
        cursor.execute(explain + sql, parameters)
        return "\n".join(" ".join(map(str, row)) for row in cursor.fetchall())


def reads_a_whole_table(sql: str, parameters: Any) -> bool:
    """Whether the plan reads one of the tables that grow from its first row to its last.

    Reading a whole index of the few open rows is nothing.
    """
    lines = plan(sql, parameters).splitlines()
    grows = [line for line in lines if not any(line.endswith(f"INDEX {index}") for index in _OF_OPEN_ROWS)]
    marks = ("Seq Scan on ", "SCAN ")
    return any(mark + table in line for line in grows for mark in marks for table in _TABLES)
