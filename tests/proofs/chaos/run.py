"""Several worker processes serve many people while a supervisor kills them; then recovery; then the verdict.

Prints its figures, one `name: number` a line, and ends with 1 when there is a violation.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from stateful_oauth.emulator import EmulatorServer, Tenant
from stateful_oauth.flows.engine.crash_points import CRASH_POINTS
from tests.proofs.chaos.browsers import Crowd
from tests.support.accounts_site import prepare
from tests.support.checkout import ROOT
from tests.support.postgresql import PostgreSQL


def main() -> int:
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="stateful-oauth-chaos-"))
    database = PostgreSQL(durable=False)  # the workers are killed, and not the server
    try:
        return _run(arguments, folder, database)
    finally:
        database.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _run(arguments: argparse.Namespace, folder: Path, database: PostgreSQL) -> int:
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    site = f"http://127.0.0.1:{listening.getsockname()[1]}"
    tenant = _tenant(site)
    with EmulatorServer(tenant, port=0):
        os.environ |= {
            "CHAOS_DATABASE": database.host,
            "CHAOS_SITE": site,
            "CHAOS_ISSUER": tenant.issuer,
            "CHAOS_LOG": str(folder / "log"),
            "DJANGO_SETTINGS_MODULE": "tests.proofs.chaos.chaos_settings",
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        started = time.monotonic()
        crowd = _rage(arguments, folder, listening, tenant, site)
        raged = time.monotonic() - started
        before = _open_rows()
        recovery = _recover()
        return _report(folder, tenant, crowd, raged, before, recovery)


def _tenant(site: str) -> Tenant:
    from tests.support import tenants

    tenant = prepare(tenants.make_tenant())
    client = tenant.clients["web"]
    client.callbacks = [f"{site}/auth/{path}callback/" for path in ("", "connect/", "link/")]
    return tenant


def _rage(
    arguments: argparse.Namespace, folder: Path, listening: socket.socket, tenant: Tenant, site: str
) -> Crowd:
    command = [
        sys.executable,
        "-m",
        "tests.proofs.chaos.supervisor",
        str(listening.fileno()),
        str(folder),
        str(arguments.workers),
        str(arguments.pause),
        str(arguments.seed),
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, pass_fds=[listening.fileno()]
    ) as supervisor:
        crowd = Crowd(tenant, site, arguments.browsers, arguments.seed)
        crowd.start()
        last = -1
        while (kills := len(_kills(folder))) < arguments.kills and supervisor.poll() is None:
            if kills // 50 != last:
                last = kills // 50
                print(f"… {kills} kills", file=sys.stderr, flush=True)
            time.sleep(0.2)
        # Whoever is in the middle of something comes to an end against workers that go on dying.
        crowd.join()
        assert supervisor.stdin is not None
        supervisor.stdin.close()
    return crowd


def _recover() -> Counter[str]:
    """Recover with a clock that runs ahead."""
    from stateful_oauth.django import wiring
    from tests.support.recovering import recover_all

    ahead = Ahead()
    wiring.clock = ahead
    started = time.monotonic()
    found = recover_all(ahead.advance)
    found["milliseconds"] = int(1000 * (time.monotonic() - started))
    return found


class Ahead:
    """The machine's clock, some seconds ahead: leases and deadlines are over."""

    seconds = 0.0

    def now(self):  # type: ignore[no-untyped-def] # a port of `flows`
        from datetime import UTC, datetime, timedelta

        return datetime.now(UTC) + timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


def _open_rows() -> Counter[str]:
    from stateful_oauth.storage.models import FlowTransaction

    return Counter(FlowTransaction.objects.exclude(state_kind="final").values_list("state_kind", flat=True))


def _kills(folder: Path) -> list[str]:
    file = folder / "kills"
    return file.read_text().splitlines() if file.exists() else []


def _report(
    folder: Path, tenant: Tenant, crowd: Crowd, raged: float, before: Counter[str], recovery: Counter[str]
) -> int:
    from stateful_oauth.storage.models import AccountLink, ConnectedAccount, FlowTransaction, Grant
    from stateful_oauth.testing.world.living_tokens import (
        families_that_never_came,
        known_families,
        living_families,
    )
    from tests.support.verdict import violations

    kills = Counter(line.split(" ", 1)[0] for line in _kills(folder))
    leaks = living_families(tenant) - known_families(tenant)
    wrong = violations(tenant) + [f"a user met {each}" for each in crowd.broken]
    kinds = set(FlowTransaction.objects.values_list("kind", flat=True))
    wrong += [f"no {kind} was ever started: nothing was tried" for kind in sorted(_TRIED - kinds)]
    figures = {
        "transactions": FlowTransaction.objects.count(),
        **{
            f"transactions of {kind}": FlowTransaction.objects.filter(kind=kind).count()
            for kind in sorted(kinds)
        },
        "kills": sum(number for kind, number in kills.items() if kind != "accident"),
        "kills at random": kills["random"],
        "kills at crash points": sum(number for kind, number in kills.items() if "." in kind),
        "crash points": len({kind for kind in kills if "." in kind}),
        "crash points that nobody died at": len(CRASH_POINTS) - len({kind for kind in kills if "." in kind}),
        "crash points with their steps": len({line for line in _kills(folder) if "." in line.split()[0]}),
        "workers that ended by themselves": kills["accident"],
        "left working": before["working"],
        "left waiting": before["waiting"],
        "recovered": recovery["recovered"],
        "given up": recovery["given_up"],
        "expired": recovery["expired"],
        "retried by an operator": recovery["retried by an operator"],
        "recovery milliseconds": recovery["milliseconds"],
        "links": AccountLink.objects.count(),
        "connected accounts": ConnectedAccount.objects.count(),
        "grants": Grant.objects.count(),
        "tokens revoked": FlowTransaction.objects.filter(kind="end_grant", state="ended").count(),
        "tokens that never came": len(leaks & families_that_never_came(tenant)),
        "tokens leaked": len(leaks - families_that_never_came(tenant)),
        "stories told to the end": sum(crowd.done.values()),
        "walked away": crowd.walked_away,
        "seconds": round(raged),
        "violations": len(wrong),
    }
    for name, number in figures.items():
        print(f"{name}: {number}")
    for line in wrong[:40]:
        print(f"VIOLATION {line}", file=sys.stderr)
    if wrong:
        log = folder / "log"
        print(log.read_text()[-6000:] if log.exists() else "", file=sys.stderr)
        print(json.dumps(Counter(_kills(folder)), indent=1), file=sys.stderr)
    return int(bool(wrong))


# The flows that the stories start often enough to be met in every run.
_TRIED = {"account_linking", "connect_account", "end_grant", "login"}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--browsers", type=int, default=12)
    parser.add_argument("--pause", type=float, default=0.35, help="seconds between two kills at random")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
