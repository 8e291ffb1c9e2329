"""A plugin of pytest: what SQLite executes, a test marked `database` executes, so that PostgreSQL does, too.

With `--every-statement-on-postgresql` a run on SQLite fails if only tests without the marker execute a
statement of this package on its tables. That is why not every file needs the marker. The shape of a statement
leaves out how many values a list has, and numbers.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterable
from typing import Any

import pytest

from tests.support.checkout import ROOT

OPTION = "--every-statement-on-postgresql"
_OURS = "stateful_oauth_"
_TESTS = f"{ROOT}/tests/"
_PACKAGE = tuple(f"{ROOT}/{folder}/" for folder in ("flows", "storage", "integrations"))
_LISTS = re.compile(r"\((?:\(?%s\)?(?:, ?)?)+\)")
_NUMBERS = re.compile(r"\b\d+\b")
_MISSING = pytest.StashKey[list[str]]()


def shape(statement: str) -> str:
    """Return the statement without what differs from one call to the next."""
    return _NUMBERS.sub("0", _LISTS.sub("(…)", " ".join(statement.split())))


def is_asked_by_the_package() -> bool:
    """Return whether the package asks, and not a test that looks at what it left."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_TESTS):
            return False
        if "/stateful_oauth/" in name or name.startswith(_PACKAGE):
            return True
        frame = frame.f_back
    return False


def without_postgresql(everywhere: Iterable[str], sqlite_alone: Iterable[str]) -> list[str]:
    """Return the shapes on our tables that only tests without the marker execute."""
    known = {shape(statement) for statement in everywhere}
    return sorted({shape(statement) for statement in sqlite_alone} - known)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help="fail if a statement is executed on SQLite alone")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(OPTION):
        config.pluginmanager.register(_Recorder(config), "statement_shapes_recorder")


class _Recorder:
    """Collects what each process executes; the first process compares."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.statements: dict[bool, set[str]] = {True: set(), False: set()}
        self._marked = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        from django.db import connections
        from django.db.backends.signals import connection_created

        self._marked = item.get_closest_marker("database") is not None
        self._marked &= item.get_closest_marker("database_in_ci") is None
        connection_created.connect(self._listen, dispatch_uid="statement_shapes")
        for connection in connections.all(initialized_only=True):
            self._listen(connection)
        return (yield)

    def _listen(self, connection: Any, **_: Any) -> None:
        if self._note not in connection.execute_wrappers:
            connection.execute_wrappers.append(self._note)

    def _note(self, execute: Callable[..., Any], statement: Any, *arguments: Any) -> Any:
        text, found = str(statement), self.statements[self._marked]
        if _OURS in text and text not in found and is_asked_by_the_package():
            found.add(text)
        return execute(statement, *arguments)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for marked, statements in getattr(node, "workeroutput", {}).get("statements", ()):
            self.statements[marked] |= set(statements)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            output["statements"] = [(marked, sorted(found)) for marked, found in self.statements.items()]
            return
        missing = without_postgresql(self.statements[True], self.statements[False])
        self.config.stash[_MISSING] = missing
        if missing and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        missing = self.config.stash.get(_MISSING, [])
        if missing:
            terminalreporter.section("statements that PostgreSQL never executes")
            terminalreporter.write_line("Mark a test that executes them with `database`:")
        for statement in missing:
            terminalreporter.write_line(f"- {statement}")
