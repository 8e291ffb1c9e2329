"""Fixtures for all tests, and the choice of database."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache

from stateful_oauth.django import wiring
from stateful_oauth.emulator import Tenant
from stateful_oauth.testing.browser import Browser
from stateful_oauth.testing.clock import ManualClock
from tests.support import tenants
from tests.support.flushing import flush_cheaply
from tests.support.postgresql import PostgreSQL

pytest_plugins = [
    "tests.support.budget",
    "tests.support.coverage_of_paths",
    "tests.support.statement_shapes",
]

POSTGRESQL = "STATEFUL_OAUTH_TEST_POSTGRESQL"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database", choices=["sqlite", "postgresql"], default="sqlite", help="which database the tests use"
    )
    parser.addoption("--fuzz-seed", default="1", help="tests/proofs/fuzz: other draws")
    parser.addoption(
        "--fuzz-rounds", type=float, default=1.0, help="tests/proofs/fuzz: so many times as many draws"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the database before Django's settings are read; parallel workers inherit its address."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.support.testsite.settings")
    config.addinivalue_line("markers", "database: also runs on PostgreSQL (--database=postgresql)")
    if config.getoption("--database") == "postgresql" and POSTGRESQL not in os.environ:
        server = PostgreSQL(durable=False)
        os.environ[POSTGRESQL] = server.host
        config.add_cleanup(server.stop)
    assert settings.INSTALLED_APPS, "reading the settings makes pytest-django set Django up"
    flush_cheaply()


# Minutes, and not seconds: `make test-slow` runs them.
SLOW_FOLDERS = ("database_faults", "explorer", "fuzz")


_ASKED = re.compile(r"(?<!not )\b(database|database_in_ci)\b")
_MARKED = re.compile(r"\bmark\.(database|database_in_ci)\b")


@functools.cache
def _markers(file: Path) -> frozenset[str]:
    """Return which markers of PostgreSQL a file names."""
    return frozenset(_MARKED.findall(file.read_text(encoding="utf-8")))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file without a test for PostgreSQL, when only those are asked for."""
    asked = set(_ASKED.findall(config.getoption("-m")))
    if config.getoption("--database") != "postgresql" or not asked:
        return None
    if not collection_path.is_file() or not collection_path.name.startswith("test_"):
        return None
    return None if asked & _markers(collection_path) else True


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    for item in items:
        if item.path.parent.name in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
        for marker in ("database", "database_in_ci"):
            if item.get_closest_marker(marker) and marker not in _markers(item.path):
                raise pytest.UsageError(
                    f"{item.path}: name pytest.mark.{marker} in it, or PostgreSQL skips it."
                )
    yield
    # One of the two workers takes all of these: so one demo starts, and its slow tests do not end the run.
    items.sort(key=lambda item: item.path.parent.name not in {"demo", "world"})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    clock = ManualClock()
    monkeypatch.setattr(wiring, "clock", clock)
    return clock


@pytest.fixture
def tenant(clock: ManualClock) -> Iterator[Tenant]:
    tenant = tenants.make_tenant()
    tenant.clock.follow(clock.timestamp)
    tenants.current.append(tenant)
    _forget()
    yield tenant
    tenants.current.remove(tenant)
    _forget()
    cache.clear()  # codes that were seen: those of another test may be the same


@pytest.fixture
def browser(tenant: Tenant, db: None) -> Browser:
    return Browser(tenant)


@pytest.fixture
def another_browser(tenant: Tenant, db: None) -> Callable[[], Browser]:
    return lambda: Browser(tenant)


def _forget() -> None:
    for made in (wiring.flows, wiring.provider, wiring.engine):
        made.cache_clear()
