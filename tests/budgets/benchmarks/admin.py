"""How long the operators' pages take as finished rows pile up, on PostgreSQL. Run by `make bench-admin`.

    make bench-admin                                  1 000, 100 000 and 1 000 000 finished rows
    make bench-admin BENCH_ARGS="--rows 1000 20000"   other numbers
    make bench-admin BENCH_ARGS=--explain             the plans of all statements as well

Prints `name: number` lines by page and number of finished rows: statements, how many blocks of 8 KiB the
database looks at for them (which no other load on the machine changes), the fastest of some rounds in
milliseconds, what of it passed in the database, and the CPU time of the site's process (median). Fails when a page asks more statements of a large table than of a small one, or
when a statement reads a whole table of transactions or records.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
import uuid
from typing import Any

STUCK_ROWS = 100
SIGN_INS_PER_USER = 50
ISSUER = "https://tenant.example/"
TABLES = ("stateful_oauth_flowtransaction", "stateful_oauth_transitionrecord")
ON_CALL = "on-call"


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=15, help="of each page, of which the median counts")
    parser.add_argument("--explain", action="store_true", help="print the plans")
    options = parser.parse_args()
    from tests.support.postgresql import PostgreSQL

    server = PostgreSQL()
    os.environ |= {
        "STATEFUL_OAUTH_TEST_POSTGRESQL": server.host,
        "DJANGO_SETTINGS_MODULE": "tests.support.testsite.settings",
    }
    try:
        return measure(options)
    finally:
        from django.db import connections

        connections.close_all()
        server.stop()


def measure(options: argparse.Namespace) -> int:
    """Seed, open every page, and say what it took, at each number of rows."""
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    client = Client(HTTP_HOST="app.example")
    client.force_login(get_user_model().objects.create_superuser(ON_CALL))
    make_stuck(STUCK_ROWS)
    wrong, seeded, statements_before = [], 0, dict[str, int]()
    for rows in sorted(options.rows):
        seed(rows - seeded, first=seeded + 1)
        seeded = rows
        for name, path, query in pages():
            figures, texts = opened(client, path, query, options.rounds)
            for figure, number in figures.items():
                print(f"{name}, {rows} finished rows, {figure}: {number:.4g}", flush=True)
            statements = int(figures["statements"])
            if statements_before.setdefault(name, statements) != statements:
                wrong.append(
                    f"{name}: {statements} statements at {rows} rows, {statements_before[name]} before"
                )
            for text in texts if rows >= 20_000 or options.explain else ():
                plan = explained(*text)
                if options.explain:
                    print(f"-- {text[0][:300]}\n{plan}\n")
                if rows >= 20_000 and any(f"Seq Scan on {table}" in plan for table in TABLES):
                    wrong.append(f"{name}: a whole table is read at {rows} rows:\n{plan}")
    for line in wrong:
        print(f"VIOLATION {line}", file=sys.stderr)
    print(f"violations: {len(wrong)}")
    return int(bool(wrong))


def make_stuck(count: int) -> None:
    """Make transactions whose workers did not come back."""
    from datetime import UTC, datetime, timedelta

    from stateful_oauth.django import wiring
    from stateful_oauth.flows.engine.identifiers import new_transaction_id
    from stateful_oauth.storage.models import FlowTransaction, TransitionRecord

    definition, then = wiring.flows()["login"].definition, datetime.now(UTC) - timedelta(hours=1)
    rows = [
        FlowTransaction(
            id=new_transaction_id(then), kind="login", tenant="default", definition_version=definition.version,
            definition_structure=definition.structure, state="exchanging_code", state_kind="working",
            version=2, attempts=1, lease_until=then, state_digest=uuid.uuid4().bytes, secrets="sealed",
            created_at=then, changed_at=then,
        )
        for _ in range(count)
    ]  # fmt: skip
    FlowTransaction.objects.bulk_create(rows)
    steps = [
        ("start", "created", "awaiting_callback", ""),
        ("callback", "awaiting_callback", "exchanging_code", "exchange_code"),
    ]
    TransitionRecord.objects.bulk_create(
        TransitionRecord(
            transaction=row, sequence=100 * number, event=event, source=source, target=target, effect=effect,
            at=then, actor="browser",
        )
        for row in rows
        for number, (event, source, target, effect) in enumerate(steps, 1)
    )  # fmt: skip


def seed(count: int, first: int) -> None:
    """Add finished rows, and users with an identity each whose rows they are."""
    from django.db import connection

    from tests.support.finished import seed_finished

    users = max(1, count // SIGN_INS_PER_USER)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO auth_user (username, email, password, first_name, last_name, is_superuser, is_staff,"
            " is_active, date_joined) SELECT 'user-' || n, 'user-' || n || '@example.com', '!', '', '', false,"
            " false, true, now() FROM generate_series(%s, %s) AS numbers(n)",
            [first, first + users - 1],
        )
        cursor.execute("SELECT id FROM auth_user WHERE username = %s", [f"user-{first}"])
        lowest = cursor.fetchone()[0]
        cursor.execute(
            "INSERT INTO stateful_oauth_identity (digest, issuer, subject, user_id, email, email_verified,"
            " link_checked, created_at) SELECT sha256(%s::bytea || '\\x00'::bytea || ('auth0|' || username)::bytea),"
            " %s, 'auth0|' || username, id, email, true, true, now() FROM auth_user WHERE id >= %s",
            [ISSUER, ISSUER, lowest],
        )
    seed_finished(count, first, users=(lowest, users))


def pages() -> list[tuple[str, str, dict[str, Any]]]:
    """Return what is measured: name, path and query. The user's rows are among the oldest."""
    from stateful_oauth.storage.models import FlowTransaction

    stuck, everything = "/admin/stateful_oauth/stucktransaction/", "/admin/stateful_oauth/flowtransaction/"
    finished = FlowTransaction.objects.filter(state_kind="final").order_by("pk")
    oldest, middle = finished[0], finished[finished.count() // 2]
    one = FlowTransaction.objects.filter(state_kind="working")[0]
    return [
        ("stuck list", stuck, {}),
        ("stuck list, filtered", stuck, {"situation": "overdue", "flow": "login"}),
        ("stuck list, search by user", stuck, {"q": "user-1"}),
        ("all", everything, {}),
        ("all, half way down", everything, {"before": str(middle.pk)}),
        ("all, one day", everything, {"started": "2023-11-14"}),
        ("search by id", everything, {"q": str(oldest.pk)}),
        ("search by the beginning of an id", everything, {"q": str(one.pk)[:13]}),
        ("search by user name", everything, {"q": "user-1"}),
        ("search by e-mail", everything, {"q": "user-1@example.com"}),
        ("search by subject", everything, {"q": "auth0|user-1"}),
        ("detail of a stuck one", f"{stuck}{one.pk}/change/", {}),
        ("detail of a finished one", f"{everything}{oldest.pk}/change/", {}),
        ("confirmation", f"{stuck}operate/retry/", {"transaction": [str(one.pk)]}),
    ]


def opened(
    client: Any, path: str, query: dict[str, Any], rounds: int
) -> tuple[dict[str, float], list[tuple[str, Any]]]:
    """Open a page some times; return its figures, and what it asks of our tables."""
    from django.db import connection

    from tests.support.counting import counted

    walls, cpus, databases, asked = [], [], [], [0.0]

    def timed(execute: Any, *args: Any) -> Any:
        begin = time.perf_counter()
        try:
            return execute(*args)
        finally:
            asked[-1] += time.perf_counter() - begin

    for _ in range(2):  # the first ones build what is kept
        client.get(path, query, secure=True)
    for _ in range(rounds):
        asked.append(0.0)
        wall, cpu = time.perf_counter(), time.process_time()
        with connection.execute_wrapper(timed):
            response = client.get(path, query, secure=True)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        databases.append(asked[-1])
        assert response.status_code == 200, f"{path} {query}: {response.status_code}"
    with counted() as count:
        client.get(path, query, secure=True)
    named = zip(count.statements, count.texts, strict=True)
    figures = {
        "statements": len(count.statements),
        "blocks": sum(blocks(*text) for text in count.texts if text[0].startswith("SELECT")),
        "ms": 1000 * min(walls),
        "ms in the database": 1000 * min(databases),
        "CPU ms": 1000 * statistics.median(cpus),
    }
    return figures, [text for name, text in named if name.split()[1] in {"row", "log"}]


def blocks(sql: str, parameters: Any) -> int:
    """Return how many blocks the database looks at for a statement, in its cache or not."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql, parameters)
        (found,) = cursor.fetchone()
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def explained(sql: str, parameters: Any) -> str:
    """Return the plan of a statement."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + sql, parameters)
        return "\n".join(row[0] for row in cursor.fetchall())


if __name__ == "__main__":
    sys.exit(main())
