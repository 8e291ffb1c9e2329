"""One transaction as an operator needs it: how it stands, and what happened to it. Nothing secret."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import router

from stateful_oauth.django import wiring
from stateful_oauth.django.conf import conf
from stateful_oauth.flows.engine.errors import Quarantined
from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.storage.availability import database_answers
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from stateful_oauth.storage.store import DjangoTransactionStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from stateful_oauth.flows.engine.effects import Effect
    from stateful_oauth.flows.engine.transaction import Transaction


_NOTED_BY_US: Final = ("account_resolved",)  # events whose line holds no text of another service


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How a transaction stands.

    Attributes:
        age: Seconds since it was started.
        effect: The call to the provider that may be in flight, or an empty string.
        attempts: How often it was started.
        max_attempts: How often it may be started, or None when it is unknown.
        due: When the transaction is expired or recovered, or None: it is over, or stuck.
        stuck_since: Since when it waits for an operator, or None.
        quarantined: Why this release cannot move it, or an empty string.
        code: The error code of the last transition, or an empty string.
        user: The Django user's primary key, or None.
    """

    id: str
    kind: str
    tenant: str
    state: str
    state_kind: str
    version: int
    definition: str
    started_at: datetime
    changed_at: datetime
    age: float
    effect: str
    attempts: int
    max_attempts: int | None
    due: datetime | None
    stuck_since: datetime | None
    quarantined: str
    code: str
    user: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of the log of a transaction.

    Attributes:
        detail: What another service said: text from outside, to be shown escaped.
        note: What the site itself noted, for example which roles changed. It may name roles and groups.
        after: Seconds since the transition before it; for a rejected event, since the one it came after.
        gap: Seconds since the line before it, rejected or not; None for the first line.
    """

    sequence: int
    at: datetime
    after: float
    gap: float | None
    event: str
    source: str
    target: str
    actor: str
    effect: str
    code: str
    reason: str
    detail: str
    note: str
    rejected: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """The log of a transaction, oldest line first.

    Attributes:
        is_whole: False if only the newest lines were read.
    """

    lines: Sequence[LogLine]
    is_whole: bool = True

    @property
    def end(self) -> datetime | None:
        """When the last line was written."""
        return self.lines[-1].at if self.lines else None


@dataclass(frozen=True, slots=True)
class TransactionReport:
    """How a transaction stands, and its log."""

    head: Head
    timeline: Timeline

    def as_json(self) -> dict[str, Any]:
        """Return it as what `json.dumps` takes, with moments in ISO 8601."""
        found = {**asdict(self.head), "timeline": [asdict(line) for line in self.timeline.lines]}
        for each in (found, *found["timeline"]):
            for name, value in each.items():
                if hasattr(value, "isoformat"):
                    each[name] = value.isoformat()
        return found


@database_answers()
def ids_beginning_with(digits: str, *, most: int) -> list[uuid.UUID]:
    """Return the ids of transactions whose id begins with these hexadecimal digits, the newest first.

    Raises:
        StoreUnavailable: The database does not answer.
    """
    first, last = uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))
    rows = FlowTransaction.objects.using(router.db_for_write(FlowTransaction))
    found = rows.filter(pk__gte=first, pk__lte=last).order_by("-pk").values_list("pk", flat=True)
    return [*found[:most]]


@database_answers()
def report_of(transaction_id: uuid.UUID) -> TransactionReport | None:
    """Return how a transaction stands, or None when there is no such transaction.

    Raises:
        StoreUnavailable: The database does not answer.
    """
    row = DjangoTransactionStore().load(transaction_id)
    return None if row is None else TransactionReport(_head(row), timeline_of(row.id))


def timeline_of(transaction_id: uuid.UUID, *, newest: int | None = None) -> Timeline:
    """Read the log of a transaction.

    Args:
        newest: How many lines at most; None for all.
    """
    records = TransitionRecord.objects.using(router.db_for_write(TransitionRecord))
    log = records.filter(transaction_id=transaction_id)
    if newest is None:
        return Timeline(log_lines(log.order_by("sequence")))
    read = log_lines([*log.order_by("-sequence")[: newest + 1]][::-1])
    return Timeline(read[-newest:], is_whole=len(read) <= newest)


def log_lines(records: Iterable[TransitionRecord]) -> list[LogLine]:
    """Return the lines of a log.

    Args:
        records: The records of one transaction, oldest first.
    """
    lines: list[LogLine] = []
    transition: datetime | None = None
    for record in records:
        lines.append(
            LogLine(
                sequence=record.sequence,
                at=record.at,
                after=0.0 if transition is None else (record.at - transition).total_seconds(),
                gap=(record.at - lines[-1].at).total_seconds() if lines else None,
                event=record.event,
                source=record.source,
                target=record.target,
                actor=record.actor,
                effect=record.effect,
                code=record.code,
                reason=record.reason,
                detail="" if record.event in _NOTED_BY_US else record.detail,
                note=record.detail if record.event in _NOTED_BY_US else "",
                rejected=record.rejected,
            )
        )
        if not record.rejected:
            transition = record.at
    return lines


def _head(row: Transaction) -> Head:
    effect, quarantined = _reading(row)
    return Head(
        id=str(row.id),
        kind=row.kind,
        tenant=row.tenant,
        state=row.state,
        state_kind=row.state_kind.value,
        version=row.version,
        definition=f"{row.definition.version} ({row.definition.structure})",
        started_at=row.created_at,
        changed_at=row.changed_at,
        age=(wiring.clock.now() - row.created_at).total_seconds(),
        effect=effect.name if effect else "",
        attempts=row.attempts,
        max_attempts=effect.max_attempts if effect else None,
        due=None if row.stuck_since else row.deadline or row.lease_until,
        stuck_since=row.stuck_since,
        quarantined=quarantined,
        code=row.code,
        user=row.user_id,
    )


def _reading(row: Transaction) -> tuple[Effect | None, str]:
    """Return the effect that may be in flight, and why this release cannot move the row."""
    if row.state_kind is StateKind.FINAL:
        return None, ""
    try:
        flow, row = wiring.flows().current(row)
    except Quarantined as error:
        return None, str(error).removeprefix("quarantined: ")
    except Exception as error:  # noqa: BLE001 - of a project's own upcast: the row has to be looked at for it
        return None, f"An upcast is broken ({type(error).__name__})."
    unknown = "" if row.tenant in conf.tenant_aliases else f"This release has no tenant {row.tenant!r}."
    return flow.effect_in(row.state), unknown
