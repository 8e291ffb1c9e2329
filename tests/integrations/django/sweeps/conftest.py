"""Fixtures of the sweeps' tests.

What needs Django's settings is imported late: this file may be read before they are chosen.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stateful_oauth.emulator import Tenant
from stateful_oauth.testing.clock import ManualClock


@pytest.fixture
def waiting(tenant: Tenant, db: None) -> Callable[..., list[uuid.UUID]]:
    """Start sign-ins that nobody finishes."""

    def start(count: int = 1, **more: Any) -> list[uuid.UUID]:
        from tests.support.attempts import Attempt
        from tests.support.callers import Person

        return [
            Attempt(tenant, Person(uuid.uuid4().hex, is_new_browser=True), **more).id for _ in range(count)
        ]

    return start


@pytest.fixture
def working(tenant: Tenant, db: None) -> Callable[..., list[uuid.UUID]]:
    """Let workers die while they exchange a code."""

    def crash(count: int = 1) -> list[uuid.UUID]:
        from tests.support.attempts import Attempt
        from tests.support.callers import Person
        from tests.support.crashes import crash_at

        ids = []
        for _ in range(count):
            attempt = Attempt(tenant, Person(uuid.uuid4().hex, is_new_browser=True)).authorize()
            with crash_at("effect.before", "exchange_code"):
                attempt.deliver()
            ids.append(attempt.id)
        return ids

    return crash


@pytest.fixture
def in_ten_minutes(clock: ManualClock) -> Callable[[], None]:
    """Let every deadline and lease of a sign-in pass."""
    return lambda: clock.advance(601)


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """Run a command as the shell does; return its exit code and what it printed."""
    from django.core.management import ManagementUtility
    from django.db import connections

    # At the end of a process; here the test goes on with the connection.
    monkeypatch.setattr(connections, "close_all", lambda: None)

    def call(*arguments: str) -> tuple[int, str]:

        try:
            ManagementUtility(["manage.py", *arguments]).execute()
        except SystemExit as end:
            code = 0 if end.code is None else int(end.code)
        else:
            code = 0
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


@pytest.fixture
def site(tmp_path: Path, db: None) -> Iterator[Any]:
    """A site in processes of its own."""
    from tests.support.processes import new_site

    with new_site(tmp_path) as site:
        yield site
