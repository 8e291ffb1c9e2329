"""Looking at what the database holds: rows, logs, and the rules that both must keep at every moment."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.db import connection

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.transaction import SEQUENCE_STEP
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord

Step = tuple[str, str, str]  # source, event, target


def the_row(transaction_id: uuid.UUID | None = None) -> FlowTransaction:
    """Return a row; without an id, the only one, beside those that revoke tokens."""
    if transaction_id is not None:
        return FlowTransaction.objects.get(pk=transaction_id)
    return FlowTransaction.objects.exclude(kind="end_grant").get()


def steps(transaction_id: uuid.UUID | None = None) -> list[Step]:
    """Return the transitions of a row, oldest first."""
    return [(line.source, line.event, line.target) for line in _lines(transaction_id) if not line.rejected]


def rejections(transaction_id: uuid.UUID | None = None) -> list[tuple[str, str]]:
    """Return event and code of the rejected events, oldest first."""
    return [(line.event, line.code) for line in _lines(transaction_id) if line.rejected]


def _lines(transaction_id: uuid.UUID | None) -> Iterator[TransitionRecord]:
    row = the_row(transaction_id)
    return iter(TransitionRecord.objects.filter(transaction=row).order_by("sequence"))


def show(transaction_id: uuid.UUID) -> str:
    """Return a row and its log as text, for the message of a failing test."""
    row = the_row(transaction_id)
    lines = [f"{row.kind} {row.state} ({row.state_kind}), version {row.version}, code {row.code!r}"]
    for line in _lines(transaction_id):
        step = f"{line.source} --{line.event}--> {line.target}"
        mark = " REJECTED" if line.rejected else ""
        lines.append(f"  {line.sequence}: {step} {line.code} by {line.actor}{mark}")
    return "\n".join(lines)


def check_rows() -> None:
    """Hold every row against what the design promises at every moment."""
    for row in FlowTransaction.objects.all():
        text = show(row.pk)
        log = list(TransitionRecord.objects.filter(transaction=row).order_by("sequence"))
        taken = [line for line in log if not line.rejected]
        flow = wiring.flows()[row.kind]
        state = flow.initial
        for line in taken:
            assert line.source == state, f"The log does not fold at {line.sequence}:\n{text}"
            assert flow.allows(line.source, line.event), f"No such edge, at {line.sequence}:\n{text}"
            state = line.target
        assert state == row.state, f"The log, folded, gives {state}:\n{text}"
        assert row.state_kind == flow.state_kinds[row.state], text
        expected = [SEQUENCE_STEP * version for version in range(1, row.version + 1)]
        numbers = [line.sequence for line in taken]
        # The first step of a start makes version 1, and every further one adds one to it.
        assert numbers == expected, f"Sequence numbers are {numbers}, and not {expected}:\n{text}"
        if row.state_kind == "final":
            assert row.secrets is None, f"Secrets outlived the transaction:\n{text}"


def nothing_working() -> None:
    """No row may be left working: after recovery everything has an end or waits.

    What has just let a refresh token go leaves a row behind that the next sweep begins.
    """
    working = FlowTransaction.objects.filter(state_kind="working").exclude(kind="end_grant", attempts=0)
    stuck = [show(pk) for pk in working.values_list("pk", flat=True)]
    assert not stuck, "Left working after recovery:\n" + "\n".join(stuck)


def dump() -> dict[str, str]:
    """Return every column of every table as text: what somebody who steals the database reads."""
    found: dict[str, str] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            names = [column[0] for column in cursor.description]
            for number, row in enumerate(cursor.fetchall()):
                for name, value in zip(names, row, strict=True):
                    found[f"{table}.{name}[{number}]"] = _text(value)
    return found


def _text(value: object) -> str:
    if isinstance(value, memoryview):
        value = bytes(value)
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
