"""Counting what a piece of code asks of the database: statements by verb and table, and commits of writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

_STATEMENT = re.compile(
    r"(SELECT|INSERT|UPDATE|DELETE)\b(?:(?<!UPDATE).*?\b(?:FROM|INTO)\b)?\s*[\"`](\w+)[\"`]",
    re.DOTALL | re.IGNORECASE,
)
_OURS = {"stateful_oauth_flowtransaction": "row", "stateful_oauth_transitionrecord": "log"}


@dataclass
class Count:
    """Statements like `SELECT django_session`, in order; our own two tables are called `row` and `log`."""

    statements: list[str] = field(default_factory=list)
    texts: list[tuple[str, Any]] = field(default_factory=list)
    commits: int = 0


@contextmanager
def counted() -> Iterator[Count]:
    """Count in the default database. BEGIN and savepoints do not count, nor do commits without a write."""
    count, wrote = Count(), False
    commit: Callable[[], None] = connection._commit

    def counting_commit() -> None:
        nonlocal wrote
        count.commits += wrote
        wrote = False
        commit()

    def statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal wrote
        found = _STATEMENT.match(sql.lstrip("( "))
        if found is not None:
            verb, table = found[1].upper(), found[2]
            count.statements.append(f"{verb} {_OURS.get(table, table.removeprefix('stateful_oauth_'))}")
            count.texts.append((sql, params))
            if verb != "SELECT" and connection.in_atomic_block:
                wrote = True
            elif verb != "SELECT":
                count.commits += 1
        return execute(sql, params, many, context)

    connection._commit = counting_commit
    try:
        with connection.execute_wrapper(statement):
            yield count
    finally:
        connection._commit = commit
