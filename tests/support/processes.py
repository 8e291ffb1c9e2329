"""A site in several processes, which share nothing but a database of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

from tests.support.checkout import ROOT

_PATIENCE = 300  # seconds after which a process that hangs fails its test


class Site:
    """Starts the processes.

    Args:
        database: Its name, or for SQLite its file.
    """

    def __init__(self, database: str) -> None:
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.support.testsite.tasks",
            "PYTHONPATH": str(ROOT),
            "STATEFUL_OAUTH_TEST_DATABASE": database,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self, process: subprocess.Popen[str]) -> str:
        """Return what it printed; it must end well."""
        output, errors = process.communicate(timeout=_PATIENCE)
        assert process.returncode == 0, output + errors
        return output

    def manage(self, *arguments: str) -> str:
        return self.wait(self.start("-m", "django", *arguments))

    def run(self, code: str) -> Any:
        """Run code in a process that has Django set up; return what its last line says in JSON."""
        code = f"import django\ndjango.setup()\nimport json\n{code}"
        return json.loads(self.wait(self.start("-c", code)).splitlines()[-1])


@contextmanager
def new_site(folder: Path) -> Iterator[Site]:
    """Make a database with the tables, and a site on it."""
    name = str(folder / "site.sqlite3") if connection.vendor == "sqlite" else f"site_{os.getpid()}"
    if connection.vendor == "postgresql":
        _administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    try:
        site = Site(name)
        site.manage("migrate", "--verbosity=0")
        yield site
    finally:
        if connection.vendor == "postgresql":
            _administer(f"DROP DATABASE {name} WITH (FORCE)")


def _administer(*statements: str) -> None:
    here: Any = connection
    with here._nodb_cursor() as cursor:  # no database is made inside of a transaction
        for statement in statements:
            cursor.execute(statement)


def make_rows(waiting: int, working: int) -> str:
    """Return code that leaves rows behind which are due: nobody came back, or a worker died."""
    return f"""
from datetime import timedelta
from django.db.models import F
from tests.support import tenants
from tests.support.attempts import Attempt
from tests.support.callers import Person
from tests.support.crashes import crash_at
from stateful_oauth.storage.models import FlowTransaction
for number in range({waiting}):
    Attempt(tenants.current[0], Person(str(number), is_new_browser=True))
for number in range({working}):
    attempt = Attempt(tenants.current[0], Person("w" + str(number), is_new_browser=True)).authorize()
    with crash_at("effect.before", "exchange_code"):
        attempt.deliver()
ago = timedelta(hours=1)
FlowTransaction.objects.update(deadline=F("deadline") - ago, lease_until=F("lease_until") - ago)
print(json.dumps(FlowTransaction.objects.count()))
"""
