"""What became of many attempts: counted from rows and their logs, hour by hour of when they started.

An attempt belongs to the hour in which it started, which its key tells. So an hour is a range of keys, and
what is counted of it changes only as long as attempts of it are open.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.db import router
from django.db.models import Count

from stateful_oauth.flows.engine.identifiers import earliest_id_at
from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.storage.availability import database_answers
from stateful_oauth.storage.models import FlowTransaction, HourOfAttempts, TransitionRecord

if TYPE_CHECKING:
    import uuid

HOUR: Final = timedelta(hours=1)
OTHER: Final = "(other)"
_MOST_NAMES: Final = 50  # connections, and organizations, that one hour tells apart: visitors may invent some
_LONGEST_NAME: Final = 64  # characters
_PER_OCTAVE: Final = 4  # buckets of a duration: a quantile is off by nine percent at most
_CALLBACK_WAITS: Final = "awaiting_callback"
_READ_AT_ONCE: Final = 2000


class Edge(NamedTuple):
    """A transition as it is counted."""

    kind: str
    tenant: str
    connection: str
    organization: str
    source: str
    event: str
    target: str
    code: str


class End(NamedTuple):
    """An attempt as it is counted.

    Attributes:
        state: Where it is: final, or still open.
        came_back: Whether its browser came back from the provider.
    """

    kind: str
    tenant: str
    connection: str
    organization: str
    state: str
    code: str
    came_back: bool


class Durations(dict[int, int]):
    """How many durations are in each bucket. Buckets grow with the duration, so that there are few."""

    def note(self, passed: timedelta, times: int = 1) -> None:
        """Count a duration; one below a millisecond counts as none."""
        milliseconds = passed / timedelta(milliseconds=1)
        bucket = 0 if milliseconds < 1 else 1 + int(_PER_OCTAVE * math.log2(milliseconds))
        self[bucket] = self.get(bucket, 0) + times

    def merge(self, others: Mapping[int, int]) -> None:
        """Add others."""
        for bucket, times in others.items():
            self[bucket] = self.get(bucket, 0) + times

    def quantile(self, share: float) -> timedelta | None:
        """Return the duration that this share of them does not exceed, to nine percent; None without any."""
        wanted, seen = share * sum(self.values()), 0
        for bucket in sorted(self):
            seen += self[bucket]
            if seen >= wanted:
                middle = 2 ** ((bucket - 0.5) / _PER_OCTAVE) if bucket else 0.0
                return timedelta(milliseconds=middle)
        return None


@dataclass(slots=True)
class Tally:
    """How many, and how long.

    Attributes:
        durations: For an edge, how long attempts were in its source. For an end, how long they took.
    """

    count: int = 0
    durations: Durations = field(default_factory=Durations)

    def add(self, other: Tally) -> None:
        """Add another one."""
        self.count += other.count
        self.durations.merge(other.durations)


@dataclass(slots=True)
class Figures:
    """What became of the attempts of some hours."""

    attempts: int = 0
    still_open: int = 0
    edges: defaultdict[Edge, Tally] = field(default_factory=lambda: defaultdict(Tally))
    ends: defaultdict[End, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, other: Figures) -> None:
        """Add those of another hour."""
        self.attempts += other.attempts
        self.still_open += other.still_open
        for edge, tally in other.edges.items():
            self.edges[edge].add(tally)
        for end, tally in other.ends.items():
            self.ends[end].add(tally)

    def as_json(self) -> dict[str, Any]:
        """Return what the database keeps."""
        return {
            "edges": [[*edge, tally.count, _written(tally.durations)] for edge, tally in self.edges.items()],
            "ends": [[*end, tally.count, _written(tally.durations)] for end, tally in self.ends.items()],
        }

    @classmethod
    def of(cls, row: HourOfAttempts) -> Figures:
        """Return what the database has kept."""
        figures = cls(row.attempts, row.still_open)
        for *edge, count, durations in row.figures.get("edges", ()):
            figures.edges[Edge(*edge)] = Tally(count, _read(durations))
        for *end, count, durations in row.figures.get("ends", ()):
            figures.ends[End(*end)] = Tally(count, _read(durations))
        return figures


def hour_of(moment: datetime) -> datetime:
    """Return the begin of the hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@database_answers()
def kept_hours(begin: datetime, end: datetime) -> dict[datetime, HourOfAttempts]:
    """Return the hours that were counted, from `begin` on and before `end`. One statement."""
    rows = HourOfAttempts.objects.filter(hour__gte=hour_of(begin), hour__lt=end)
    return {row.hour: row for row in rows}


@database_answers()
def counted(begin: datetime, end: datetime, *, most: int | None = None) -> dict[datetime, Figures] | None:
    """Count attempts that started from `begin` on and before `end`, by their hour. Two statements.

    Args:
        most: Of so many attempts at most.

    Returns:
        The figures by hour, without hours in which no attempt started; None if there are more attempts.
    """
    alias = router.db_for_write(FlowTransaction)
    first, last = earliest_id_at(begin), earliest_id_at(end)
    rows = FlowTransaction.objects.using(alias).filter(pk__gte=first, pk__lt=last).order_by("pk")
    columns = rows.values_list(
        "pk", "kind", "tenant", "state", "state_kind", "code", "created_at", "inputs", "result"
    )
    attempts = list(columns[: most + 1]) if most is not None else columns.iterator(_READ_AT_ONCE)
    if most is not None and len(attempts) > most:  # type: ignore[arg-type]  # a list, where `most` is given
        return None
    lines = (
        TransitionRecord.objects.using(alias)
        .filter(transaction_id__gte=first, transaction_id__lt=last, rejected=False)
        .order_by("transaction_id", "sequence")
        .values_list("transaction_id", "at", "source", "event", "target", "code", "actor")
    )
    found: dict[datetime, Figures] = {}
    names: dict[datetime, _Names] = defaultdict(_Names)
    logs = _Logs(lines.iterator(_READ_AT_ONCE))
    for pk, kind, tenant, state, state_kind, code, created_at, inputs, result in attempts:
        hour = hour_of(datetime.fromtimestamp((pk.int >> 80) / 1000, UTC))
        figures, known = found.setdefault(hour, Figures()), names[hour]
        connection, organization = known.told_apart(
            _connection(inputs, result), _organization(inputs, result)
        )
        who = (kind, tenant, connection, organization)
        came_back, before = False, created_at
        for _, at, source, event, target, line_code, actor in logs.of(pk):
            tally = figures.edges[Edge(*who, source, event, target, line_code)]
            tally.count += 1
            tally.durations.note(at - before)
            came_back = came_back or (source == _CALLBACK_WAITS and actor == "browser")
            before = at
        tally = figures.ends[End(*who, state, code, came_back)]
        tally.count += 1
        figures.attempts += 1
        if state_kind == StateKind.FINAL:
            tally.durations.note(before - created_at)
        else:
            figures.still_open += 1
    return found


@database_answers()
def keep(hours: Mapping[datetime, Figures], *, counted_at: datetime, is_final: bool = False) -> None:
    """Keep what was counted of whole hours. Hours that are final stay as they are.

    Args:
        is_final: Nothing is counted again, although attempts may be open still: some are purged now.
    """
    alias = router.db_for_write(HourOfAttempts)
    rows = HourOfAttempts.objects.using(alias)
    final = set(rows.filter(hour__in=list(hours), is_final=True).values_list("hour", flat=True))
    rows.bulk_create(
        [
            HourOfAttempts(
                hour=hour,
                counted_at=counted_at,
                attempts=figures.attempts,
                still_open=figures.still_open,
                is_final=is_final or figures.still_open == 0,
                figures=figures.as_json(),
            )
            for hour, figures in hours.items()
            if hour not in final
        ],
        update_conflicts=True,
        unique_fields=["hour"],
        update_fields=["counted_at", "attempts", "still_open", "is_final", "figures"],
    )


@database_answers()
def hours_to_count(before: datetime) -> list[datetime]:
    """Return the whole hours before a moment that have attempts and are not final, oldest first.

    Goes from one attempt to the next hour's first one, so that empty hours cost nothing.
    """
    alias = router.db_for_write(FlowTransaction)
    rows = FlowTransaction.objects.using(alias).order_by("pk").values_list("pk", flat=True)
    last = earliest_id_at(before)
    final = set(
        HourOfAttempts.objects.using(alias)
        .filter(hour__lt=before, is_final=True)
        .values_list("hour", flat=True)
    )
    hours: list[datetime] = []
    found = rows.filter(pk__lt=last).first()
    while found is not None:
        hour = hour_of(datetime.fromtimestamp((found.int >> 80) / 1000, UTC))
        if hour + HOUR <= before and hour not in final:
            hours.append(hour)
        hour += HOUR
        while hour in final:
            hour += HOUR
        found = rows.filter(pk__gte=earliest_id_at(hour), pk__lt=last).first()
    return hours


@database_answers()
def open_now(kind: str, tenant: str = "") -> dict[str, int]:
    """Return how many attempts are in each open state now, by the partial indexes. Two statements."""
    rows = FlowTransaction.objects.filter(kind=kind, **({"tenant": tenant} if tenant else {}))
    found: dict[str, int] = {}
    for chosen in (
        rows.filter(state_kind=StateKind.WAITING, deadline__isnull=False),
        rows.filter(state_kind=StateKind.WORKING, lease_until__isnull=False),
    ):
        found.update(chosen.order_by().values_list("state").annotate(number=Count("pk")))
    return found


class _Logs:
    """The lines of each row, from one statement that goes through all of them in the order of the rows."""

    def __init__(self, lines: Iterable[tuple[Any, ...]]) -> None:
        self._groups = groupby(lines, key=itemgetter(0))
        self._next: tuple[uuid.UUID, Iterable[tuple[Any, ...]]] | None = next(self._groups, None)

    def of(self, pk: uuid.UUID) -> Iterable[tuple[Any, ...]]:
        """Return the lines of a row; rows are asked for in their order."""
        while self._next is not None and self._next[0] < pk:
            self._next = next(self._groups, None)
        if self._next is None or self._next[0] != pk:
            return ()
        found = list(self._next[1])
        self._next = next(self._groups, None)
        return found


class _Names:
    """The connections and organizations of an hour: so many at most, because a visitor can name any."""

    def __init__(self) -> None:
        self._known: tuple[set[str], set[str]] = (set(), set())

    def told_apart(self, connection: str, organization: str) -> tuple[str, str]:
        """Return both names, or `OTHER` for one too many."""
        connections, organizations = self._known
        return self._kept(connections, connection), self._kept(organizations, organization)

    @staticmethod
    def _kept(known: set[str], name: str) -> str:
        name = name[:_LONGEST_NAME]
        if name not in known and len(known) >= _MOST_NAMES:
            return OTHER
        known.add(name)
        return name


def _connection(inputs: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """Return the connection that was asked for, or else the first part of the subject that signed in."""
    asked = inputs.get("connection") or _parameters(inputs).get("connection")
    return str(asked or str(result.get("sub") or "").partition("|")[0])


def _organization(inputs: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    return str(result.get("organization") or _parameters(inputs).get("organization") or "")


def _parameters(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    found = inputs.get("parameters")
    return found if isinstance(found, Mapping) else {}


def _written(durations: Durations) -> list[list[int]]:
    return [[bucket, times] for bucket, times in sorted(durations.items())]


def _read(written: Iterable[tuple[int, int]]) -> Durations:
    return Durations(written)
