"""How fast the sweeps are, alone and several at once, and that finished rows cost them nothing.

    python -m tests.budgets.benchmarks.sweep                            on a PostgreSQL of its own
    python -m tests.budgets.benchmarks.sweep --database sqlite
    python -m tests.budgets.benchmarks.sweep --finished 1000 100000 1000000

Prints `name: number`, one a line. Rows per second hold for this machine; statements hold everywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.checkout import ROOT

SEEDED_AT_ONCE = 100_000
COUNTED = 100


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    parser.add_argument(
        "--finished", type=int, nargs="*", default=[1_000, 100_000], help="before how many finished rows"
    )
    parser.add_argument("--rows", type=int, default=2_000, help="how many rows are due")
    parser.add_argument("--sweeps", type=int, nargs="*", default=[2, 4], help="how many sweeps at once")
    parser.add_argument("--work", metavar="COMMAND", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        prepare(arguments.database, stack)
        if arguments.work:
            from django.core.management import call_command

            call_command(arguments.work, format="json")
            return
        measure(arguments)


def prepare(database: str, stack: ExitStack) -> None:
    """Set Django up on a database that has the tables: a new one, or for a worker its parent's."""
    import django
    from django.core.management import call_command

    from tests.support import tenants

    is_worker = "STATEFUL_OAUTH_TEST_DATABASE" in os.environ
    if database == "postgresql" and not is_worker:
        from tests.support.postgresql import PostgreSQL

        server = PostgreSQL()
        stack.callback(server.stop)
        os.environ["STATEFUL_OAUTH_TEST_POSTGRESQL"] = server.host
        os.environ["STATEFUL_OAUTH_TEST_DATABASE"] = "postgres"
    elif not is_worker:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stateful-oauth-bench-"))
        os.environ["STATEFUL_OAUTH_TEST_DATABASE"] = str(Path(folder) / "db.sqlite3")
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.support.testsite.tasks"
    django.setup()
    assert tenants.current
    if not is_worker:
        call_command("migrate", verbosity=0, interactive=False)
        if database == "sqlite":
            from django.db import connection

            with connection.cursor() as cursor:
                cursor.execute("PRAGMA journal_mode = WAL")  # the file remembers it


def measure(arguments: argparse.Namespace) -> None:
    from tests.support.finished import seed_finished

    seeded = 0
    for finished in arguments.finished:
        while seeded < finished:
            more = min(SEEDED_AT_ONCE, finished - seeded)
            seed_finished(more, seeded + 1)
            seeded += more
        print(f"finished rows: {finished}", flush=True)
        one(arguments.rows, finished)
    for sweeps in arguments.sweeps:
        several(arguments.database, arguments.rows, sweeps)
    purging(seeded)


def one(rows: int, finished: int) -> None:
    """One sweep of each kind, and what the sweeps ask when nothing is due."""
    from stateful_oauth.django.sweeps.sweeping import expire_due, recover_due
    from tests.support.counting import counted

    sweeps: list[tuple[str, str, Callable[[], Any]]] = [
        ("expire", "expired", expire_due),
        ("recover", "given_up", recover_due),
    ]
    for name, became, sweep in sweeps:
        with counted() as idle:
            started = time.perf_counter()
            sweep()
            took = time.perf_counter() - started
        say(f"{name}, nothing due, {finished} finished: statements", len(idle.statements))
        say(f"{name}, nothing due, {finished} finished: ms", 1e3 * took)
        make_due(name, COUNTED)
        with counted() as count:
            sweep()
        say(f"{name}, {finished} finished: statements per row", len(count.statements) / COUNTED)
        make_due(name, rows)
        started, cpu = time.perf_counter(), time.process_time()
        done = sweep().counts[became]
        took, cpu = time.perf_counter() - started, time.process_time() - cpu
        if done != rows:
            sys.exit(f"{done} of {rows} rows were {became}.")
        say(f"{name}, {finished} finished: rows/s", rows / took)
        say(f"{name}, {finished} finished: CPU ms per row", 1e3 * cpu / rows)


def several(database: str, rows: int, sweeps: int) -> None:
    """Several processes at once, and how they share the work."""
    from django.db.models import Count, Max, Min

    from stateful_oauth.storage.models import TransitionRecord

    make_due("expire", rows)
    command = [sys.executable, "-m", "tests.budgets.benchmarks.sweep"]
    command += ["--database", database, "--work", "expire_flows"]
    started = datetime.now(UTC)
    workers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(sweeps)]
    reports = [json.loads(worker.communicate()[0]) for worker in workers]
    done = sum(report["expired"] for report in reports)
    if done != rows:
        sys.exit(f"{done} of {rows} rows were expired: {reports}")
    lines = TransitionRecord.objects.filter(event="expire", rejected=False, at__gte=started)
    span = lines.aggregate(first=Min("at"), last=Max("at"))
    twice = lines.values("transaction_id").annotate(number=Count("sequence")).filter(number__gt=1)
    say(f"expire, {sweeps} processes: rows/s", rows / (span["last"] - span["first"]).total_seconds())
    say(f"expire, {sweeps} processes: rows that the least busy one did", min(r["expired"] for r in reports))
    say(
        f"expire, {sweeps} processes: rows that others had done",
        sum(r["overtaken"] for r in reports),
    )
    say(f"expire, {sweeps} processes: rows done twice", twice.count())


def purging(finished: int) -> None:
    """Everything that is over goes."""
    from stateful_oauth.django.sweeps.purging import age, purge

    started = time.perf_counter()
    done = purge(age("0s"))
    say("purge: rows", done)
    say("purge: rows/s", done / (time.perf_counter() - started))
    if done < finished:
        sys.exit(f"{done} of {finished} finished rows were purged.")


def make_due(sweep: str, rows: int) -> None:
    """Start sign-ins, and leave them alone; for the other sweep let their workers die while exchanging."""
    from django.db.models import F

    from stateful_oauth.storage.models import FlowTransaction
    from tests.support import tenants
    from tests.support.attempts import Attempt
    from tests.support.callers import Person
    from tests.support.crashes import crash_at

    tenant = tenants.current[0]
    for number in range(rows):
        attempt = Attempt(tenant, Person(f"{sweep}{number}", is_new_browser=True))
        if sweep == "recover":
            attempt.authorize()
            with crash_at("effect.before", "exchange_code"):
                attempt.deliver()
    hour = timedelta(hours=1)
    FlowTransaction.objects.filter(state_kind="waiting").update(deadline=F("deadline") - hour)
    FlowTransaction.objects.filter(state_kind="working").update(lease_until=F("lease_until") - hour)


def say(name: str, number: float) -> None:
    print(
        f"{name}: {number:.0f}" if number >= 100 or number == int(number) else f"{name}: {number:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
