"""Write the lock of the definitions, and rows of every version that has none yet: `make upgrades`.

The rows are made by the real engine: each flow's walker drives a choice of paths that takes every edge, and
after each commit the row and its log are written down as they lie in the database. What is there already
stays as it is, because a release may have written such rows; `--unreleased` writes today's versions anew.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from typing import Any

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.support.testsite.settings")
django.setup()

# Models cannot be imported before.
from stateful_oauth.django import wiring  # noqa: E402
from stateful_oauth.django.signals import Transition, transition_made  # noqa: E402
from stateful_oauth.flows.engine.definition import FlowDefinition  # noqa: E402
from stateful_oauth.flows.engine.transaction import Actor, TransitionLog  # noqa: E402
from stateful_oauth.storage.models import TransitionRecord  # noqa: E402
from stateful_oauth.storage.store import DjangoTransactionStore  # noqa: E402
from stateful_oauth.testing.browser import Browser  # noqa: E402
from stateful_oauth.testing.clock import ManualClock  # noqa: E402
from stateful_oauth.testing.paths import covering  # noqa: E402
from tests.support import tenants  # noqa: E402
from tests.support.accounts_site import prepare  # noqa: E402
from tests.support.paths.walker import BrowserWalker  # noqa: E402
from tests.support.released import CORPUS, LOCK, Lock, Snapshot, file_of, problems, read_lock  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--unreleased", action="store_true", help="No release has written rows with today's versions."
    )
    unreleased = parser.parse_args().unreleased
    call_command("migrate", verbosity=0)
    CORPUS.mkdir(exist_ok=True)
    flows = list(wiring.flows())
    lock = {kind: dict(versions) for kind, versions in _lock().items()}
    for flow in flows:
        version, versions = str(flow.machine.version), lock.setdefault(flow.kind, {})
        path = file_of(flow.kind, flow.machine.version)
        if versions.get(version, flow.structure) != flow.structure and not unreleased:
            continue  # `problems` says it
        if version in versions and path.exists() and not unreleased:
            continue
        versions[version] = flow.structure
        snapshots = _histories(flow)
        path.write_text(_lines(flow, snapshots), encoding="utf-8")
        print(f"{path.name}: {len(snapshots)} rows")
    LOCK.write_text(json.dumps(lock, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    found = problems(lock, flows, {path.name for path in CORPUS.glob("*.json")})
    print("\n".join(found) or f"{LOCK.name}: {sum(map(len, lock.values()))} definitions")
    return bool(found)


def _lock() -> Lock:
    return read_lock() if LOCK.exists() else {}


def _lines(flow: FlowDefinition, snapshots: list[Snapshot]) -> str:
    """One row a line: a file that can be looked at, and compared."""
    rows = ",\n".join(json.dumps(each.as_json(), sort_keys=True) for each in snapshots)
    head = json.dumps([flow.machine.version, flow.structure])
    return f'{{"kind": {json.dumps(flow.kind)}, "definition": {head}, "snapshots": [\n{rows}\n]}}\n'


def _histories(flow: FlowDefinition) -> list[Snapshot]:
    found: dict[str, Snapshot] = {}
    walker = _walker_of(flow.kind)
    for path in covering(walker.paths()):
        for snapshot in _walked(flow, walker, path):
            found.setdefault(snapshot.name, snapshot)
    return [found[name] for name in sorted(found)]


def _walked(flow: FlowDefinition, made: type[BrowserWalker], path: Any) -> list[Snapshot]:
    call_command("flush", verbosity=0, interactive=False)
    clock = wiring.clock = ManualClock()
    tenant = tenants.make_tenant()
    tenant.clock.follow(clock.timestamp)
    tenants.current.append(tenant)
    for kept in (wiring.flows, wiring.provider, wiring.engine):
        kept.cache_clear()
    walker = made(prepare(tenant), clock, Browser(tenant))
    taken: list[Snapshot] = []

    def note(*, transition: Transition, **_: Any) -> None:
        row = DjangoTransactionStore().load(transition.transaction)
        if row is not None and row.kind == flow.kind:
            log = tuple(map(_line, TransitionRecord.objects.filter(transaction=row.id).order_by("sequence")))
            name = "-".join(line.event for line in log if not line.rejected) + f"--{row.state}"
            taken.append(Snapshot(name, row, log))

    transition_made.connect(note)
    try:
        walker.walk(path)
    finally:
        transition_made.disconnect(note)
        tenants.current.remove(tenant)
    return taken


def _line(record: TransitionRecord) -> TransitionLog:
    kind, _, id_ = record.actor.partition(":")
    return TransitionLog(
        sequence=record.sequence,
        event=record.event,
        source=record.source,
        target=record.target,
        at=record.at,
        actor=Actor(kind, id_, record.reason),
        effect=record.effect,
        code=record.code,
        rejected=record.rejected,
    )


def _walker_of(kind: str) -> type[BrowserWalker]:
    module = importlib.import_module(f"tests.support.paths.{kind}")
    (walker,) = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, BrowserWalker) and getattr(each, "kind", "") == kind
    ]
    return walker


if __name__ == "__main__":
    sys.exit(main())
