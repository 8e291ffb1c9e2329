"""What `storage/statements.py` saves: sign-ins with compiled statements, and with the ORM in their place.

    python -m tests.budgets.benchmarks.statements                       on SQLite and PostgreSQL
    python -m tests.budgets.benchmarks.statements --rounds 2000

The two take turns, sign-in by sign-in. Prints the 10th percentile of the processor time that the site spends on
a returning user's start and callback, without the emulated tenant's own time: one `name: number` a line.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from contextlib import ExitStack
from time import process_time
from typing import Any

from tests.budgets.benchmarks.sweep import prepare

DATABASES = ("sqlite", "postgresql")


def main() -> None:
    """Measure and print, each database in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=DATABASES)
    parser.add_argument("--rounds", type=int, default=600)
    arguments = parser.parse_args()
    if arguments.database is None:
        for database in DATABASES:
            again = [sys.executable, "-m", "tests.budgets.benchmarks.statements"]
            subprocess.run([*again, "--database", database, "--rounds", str(arguments.rounds)], check=True)
        return
    with ExitStack() as stack:
        prepare(arguments.database, stack)
        measure(arguments.database, arguments.rounds)


class OrmTable:
    """The same as `Table`, by the ORM."""

    def __init__(self, model: Any, alias: str) -> None:
        self._model, self._rows = model, model._base_manager.using(alias)

    def insert(self, rows: Any) -> None:
        """Insert rows in one statement."""
        self._rows.bulk_create([self._model(**row) for row in rows])

    def update(self, changes: Any, where: Any) -> int:
        """Change the rows that match."""
        return int(self._rows.filter(**where).update(**changes))

    def select(self, where: Any) -> Any:
        """Return the one row that matches, or None."""
        return self._rows.filter(**where).values().first()


class OrmLookup:
    """The same as `Lookup`, by the ORM."""

    def __init__(self, model: Any, *, key: str, related: str, alias: str) -> None:
        self._rows, self._key = model._base_manager.using(alias).select_related(related), key

    def get(self, key: Any) -> Any:
        """Return the object with its related one, or None."""
        return self._rows.filter(**{self._key: key}).first()


def measure(database: str, rounds: int) -> None:
    """Sign in, with and without in turn."""
    from stateful_oauth.django import wiring
    from stateful_oauth.storage import identities, rows
    from stateful_oauth.storage.models import FlowTransaction, Identity, TransitionRecord
    from stateful_oauth.testing.browser import Browser
    from tests.support import tenants

    tenant = tenants.make_tenant()
    tenants.current.append(tenant)
    tenant.clock.follow()
    tenant.add_user(email="ada@example.com", password="a good one", user_id="auth0|ada")
    for kept in (wiring.flows, wiring.provider, wiring.engine):
        kept.cache_clear()
    elsewhere = _count_the_tenant(tenant)
    alias = "default"
    orm = (
        OrmTable(FlowTransaction, alias),
        OrmTable(TransitionRecord, alias),
        OrmLookup(Identity, key="digest", related="user", alias=alias),
    )
    ways: dict[str, Any] = {
        "compiled": (rows.transactions, rows.records, identities._identities),
        "orm": [lambda _, way=way: way for way in orm],
    }
    spent: dict[str, list[float]] = {"compiled": [], "orm": []}
    for number in range(2 * rounds + 40):
        name = ("compiled", "orm")[number % 2]
        rows.transactions, rows.records, identities._identities = ways[name]
        took = _sign_in(Browser(tenant), elsewhere)
        if number >= 40:
            spent[name].append(took)
    percentile = {name: 1000 * sorted(times)[len(times) // 10] for name, times in spent.items()}
    saved = percentile["orm"] - percentile["compiled"]
    for name, milliseconds in percentile.items():
        print(f"{database}, {name} (ms of processor time): {milliseconds:.2f}")
    print(f"{database}, saved (ms): {saved:.2f}")
    print(f"{database}, saved (%): {100 * saved / percentile['orm']:.0f}", flush=True)


def _sign_in(browser: Any, elsewhere: list[float]) -> float:
    elsewhere[0] = 0.0
    began = process_time()
    location = browser.start("/profile/")
    took = process_time() - began
    callback = browser.authorize(location, "auth0|ada")
    elsewhere[0], before = 0.0, process_time()
    response = browser.get(callback)
    took += process_time() - before - elsewhere[0]
    assert response.status_code in {302, 303}, response.content
    assert browser.user_id is not None
    return float(took)


def _count_the_tenant(tenant: Any) -> list[float]:
    """Add up what the tenant's application takes, in the first item of the list."""
    total, exchange = [0.0], tenant.wsgi.exchange

    def counted(*arguments: Any, **named: Any) -> Any:
        began = process_time()
        try:
            return exchange(*arguments, **named)
        finally:
            total[0] += process_time() - began

    tenant.wsgi.exchange = counted
    return total


if __name__ == "__main__":
    main()
