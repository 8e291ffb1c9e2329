"""Every commit of a piece of code by name, and something that happens to one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from stateful_oauth.flows.engine.crash_points import observed

WRITE = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+[\"`](\w+)[\"`]", re.IGNORECASE)

Commit = Callable[[], Any]


class Commits:
    """What was committed so far, oldest first.

    A commit of the engine is called after its crash point, `claim callback`; another one after the table that
    was written last. What is written outside of a transaction is a commit of its own.
    """

    def __init__(self, strike: tuple[int, Callable[[Commit], Any]] | None) -> None:
        self.names: list[str] = []
        self._point, self._table = "", ""
        self._strike = strike

    def reached(self, point: str, step: str) -> None:
        part, _, place = point.partition(".")
        if place == "before_commit":
            self._point = f"{part} {step}"

    def commit(self, commit: Commit) -> Any:
        if not self._table:
            return commit()  # nothing was written
        self.names.append(self._point or self._table.removeprefix("stateful_oauth_"))
        self._point = self._table = ""
        if self._strike is not None and self._strike[0] == len(self.names) - 1:
            return self._strike[1](commit)
        return commit()

    def statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        written = WRITE.match(sql)
        if written is not None:
            self._table = written[1]
            if not connection.in_atomic_block:
                return self.commit(lambda: execute(sql, params, many, context))
        return execute(sql, params, many, context)

    def rolled_back(self) -> None:
        self._point = self._table = ""


@contextmanager
def commits(number: int = -1, strike: Callable[[Commit], Any] | None = None) -> Iterator[Commits]:
    """Watch the commits of the default database.

    Args:
        number: At which commit, counted from 0, to call `strike` with what commits.
    """
    watched = Commits(None if strike is None else (number, strike))
    real: Any = connection
    commit, rollback = real._commit, real._rollback

    def rolling_back() -> Any:
        watched.rolled_back()
        return rollback()

    real._commit, real._rollback = lambda: watched.commit(commit), rolling_back
    try:
        with real.execute_wrapper(watched.statement), observed(watched.reached):
            yield watched
    finally:
        del real._commit, real._rollback
