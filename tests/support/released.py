"""Definitions that rows of a database may have been written under, and rows of each, as files.

`tests/proofs/upgrades/definitions.json` locks `{kind: {version: structure}}`; `tests/proofs/upgrades/corpus/`
has a file per kind and version with rows and their logs as that version wrote them.
`make upgrades` writes both.
"""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from stateful_oauth.flows.engine.definition import FlowDefinition
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.engine.transaction import Actor, Definition, StateKind, Transaction, TransitionLog
from tests.support.checkout import ROOT

FOLDER = ROOT / "tests" / "proofs" / "upgrades"
LOCK = FOLDER / "definitions.json"
CORPUS = FOLDER / "corpus"

Lock = Mapping[str, Mapping[str, str]]  # structure, by kind and version

_MAKERS: dict[str, Any] = {
    "id": uuid.UUID,
    "definition": lambda value: Definition(*value),
    "state_kind": StateKind,
    "browser": bytes.fromhex,
    "state_digest": bytes.fromhex,
    "secrets": lambda value: {name: Secret(each) for name, each in value.items()},
    "deadline": datetime.fromisoformat,
    "lease_until": datetime.fromisoformat,
    "stuck_since": datetime.fromisoformat,
    "created_at": datetime.fromisoformat,
    "changed_at": datetime.fromisoformat,
    "at": datetime.fromisoformat,
    "actor": lambda value: Actor(*value),
}


@dataclass(frozen=True)
class Snapshot:
    """A row as it stood in a database between two steps, and its log until then."""

    name: str
    row: Transaction
    log: tuple[TransitionLog, ...]

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "row": _plain(self.row), "log": [_plain(line) for line in self.log]}

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> Snapshot:
        """Read one. What a release did not have yet gets its default, as a migration would give it."""
        return cls(
            name=saved["name"],
            row=_made(Transaction, saved["row"]),
            log=tuple(_made(TransitionLog, line) for line in saved["log"]),
        )


def _plain(value: Any) -> dict[str, Any]:
    found = {}
    for field in dataclasses.fields(value):
        each = getattr(value, field.name)
        match each:
            case bytes():
                each = each.hex()
            case datetime():
                each = each.isoformat()
            case uuid.UUID() | StateKind():
                each = str(each)
            case Definition() | Actor():
                each = list(dataclasses.astuple(each))
            case Mapping():
                each = {name: one.reveal() if isinstance(one, Secret) else one for name, one in each.items()}
        found[field.name] = each
    return found


def _made(kind: Any, saved: Mapping[str, Any]) -> Any:
    return kind(
        **{
            name: value if value is None or name not in _MAKERS else _MAKERS[name](value)
            for name, value in saved.items()
        }
    )


def file_of(kind: str, version: int) -> Path:
    """Return where the rows of a version are kept."""
    return CORPUS / f"{kind}-v{version}.json"


def read(path: Path) -> list[Snapshot]:
    """Read the rows of a version."""
    return [Snapshot.of(saved) for saved in json.loads(path.read_text())["snapshots"]]


def read_lock() -> Lock:
    """Read the lock."""
    lock: Lock = json.loads(LOCK.read_text())
    return lock


def problems(lock: Lock, flows: Iterable[FlowDefinition], files: Collection[str]) -> list[str]:
    """Say what would leave rows of a database behind, and what to do about it.

    Args:
        files: Names of the files in the corpus.
    """
    found, kinds = [], set()
    for flow in flows:
        kinds.add(flow.kind)
        found += _changed(lock.get(flow.kind, {}), flow)
        found += _left_behind(lock.get(flow.kind, {}), flow)
    for kind in sorted(lock.keys() - kinds):
        found.append(
            f"There is no flow {kind!r} any more, and databases may have open rows of it. Keep the machine "
            f"for a release that only finishes them, then take {kind!r} out of {LOCK.name} and the corpus."
        )
    for kind, versions in lock.items():
        for version in versions:
            if (name := file_of(kind, int(version)).name) not in files:
                found.append(f"{LOCK.name} has {kind} version {version}, and the corpus has no {name}.")
    return found


def _changed(versions: Mapping[str, str], flow: FlowDefinition) -> list[str]:
    version = flow.machine.version
    locked = versions.get(str(version))
    if locked is None:
        return [f"{flow.kind} version {version} is new: run `make upgrades`, and commit what it writes."]
    if locked == flow.structure:
        return []
    name, following = flow.machine.__name__, version + 1
    explanation = (
        f"The machine of {flow.kind!r} has changed: version {version} is locked as {locked}, and the "
        f"structure is {flow.structure} now. Rows that version {version} wrote would be quarantined.\n"
        f"  If a release has written rows with version {version}: set `version = {following}` in {name}, "
        f"add to `upcasts` {{{version}: function}} that turns such a row into one of version {following} "
        f"(rename its state, fill in what is new), and run `make upgrades`.\n"
        f"  If no release has: run `make upgrades UNRELEASED=1`."
    )
    return [explanation]


def _left_behind(versions: Mapping[str, str], flow: FlowDefinition) -> list[str]:
    found, today = [], flow.machine.version
    for version in sorted(map(int, versions)):
        if version > today:
            found.append(
                f"{flow.kind} went back from version {version} to {today}: versions only rise, because rows "
                f"of version {version} are in databases."
            )
        missing = [each for each in range(version, today) if each not in flow.machine.upcasts]
        if missing:
            found.append(
                f"Rows of {flow.kind} version {version} cannot reach version {today}: add to `upcasts` of "
                f"{flow.machine.__name__} what turns a row of version {missing[0]} into one of the next."
            )
    return found


def fold(snapshot: Snapshot, flow: FlowDefinition) -> None:
    """Hold a log against its row, and against today's edges where they are what it was written under."""
    state, version = flow.initial, 0
    for line in snapshot.log:
        if line.rejected:
            assert line.source == line.target == state, f"{snapshot.name}: a rejected event moved something."
            continue
        assert line.source == state, f"{snapshot.name}: the log is broken at {line.sequence}."
        edges = {(edge.source, edge.event, edge.target) for edge in flow.edges}
        if snapshot.row.definition == flow.definition:
            step = (line.source, line.event, line.target)
            assert step in edges, f"{snapshot.name}: today's machine has no edge {step}."
        state, version = line.target, version + 1
    assert (state, version) == (snapshot.row.state, snapshot.row.version), (
        f"{snapshot.name}: folded to {state}."
    )
