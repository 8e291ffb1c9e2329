"""Which open rows are due: what the sweeps go through, by the partial indexes of open rows.

The claim of a row is the engine's: a conditional UPDATE in a transaction of its own, with the effect after
it, so that no row lock can be held while a row is brought on. What several sweeps at once need is to be in
different rows, and that is here: a sweep reads the oldest due rows as a window, goes through it in an order
of its own, and asks again shortly before it takes a few of them. It passes over rows that are locked because
they are being claimed. If two sweeps meet at a row all the same, the engine's fence lets one win.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import router, transaction
from django.db.models import Count, Q

from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.storage.availability import database_answers
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

WINDOW: Final = 1000  # rows; only their ids and names are read

_DUE_COLUMN: Final = {StateKind.WAITING: "deadline", StateKind.WORKING: "lease_until"}


@dataclass(frozen=True, slots=True)
class DueRow:
    """A row that is due.

    Attributes:
        since: Its deadline, or the end of its lease.
    """

    id: uuid.UUID
    kind: str
    tenant: str
    state: str
    since: datetime


class DueRows:
    """The rows of one kind of state that were due at a moment.

    Args:
        state_kind: `WAITING`: past their deadline. `WORKING`: past their lease, and not stuck.
        now: The moment, aware.
        kind: Only rows of this flow.
        tenant: Only rows of this tenant.
    """

    def __init__(
        self, state_kind: StateKind, *, now: datetime, kind: str | None = None, tenant: str | None = None
    ) -> None:
        self._column = _DUE_COLUMN[state_kind]
        self._alias = router.db_for_write(FlowTransaction)
        chosen: dict[str, Any] = {"kind": kind, "tenant": tenant}
        self._rows = FlowTransaction.objects.using(self._alias).filter(
            state_kind=state_kind,
            **{f"{self._column}__lte": now},
            **{name: value for name, value in chosen.items() if value is not None},
        )
        if state_kind is StateKind.WORKING:
            self._rows = self._rows.filter(stuck_since__isnull=True)

    def windows(self, size: int = WINDOW) -> Iterator[list[DueRow]]:
        """Read the rows, oldest first, `size` at a time.

        Each window begins after the last row of the one before (keyset), whatever became of its rows: one
        that cannot be brought on is met once, and does not block the others.
        """
        rows = self._rows
        while window := self._read(rows.order_by(self._column, "pk")[:size]):
            last, column, is_last = window[-1], self._column, len(window) < size
            yield window
            if is_last:
                return
            rows = self._rows.filter(
                Q(**{f"{column}__gt": last.since}) | Q(**{column: last.since}, pk__gt=last.id),
                # Says the same again in a form that an index understands.
                **{f"{column}__gte": last.since},
            )

    def still_due(self, rows: Sequence[DueRow]) -> list[DueRow]:
        """Return those that are still due and are not being claimed.

        The lock is given back at once; it makes PostgreSQL pass over rows that another sweep or a browser
        holds. SQLite has one writer at a time and no such lock: there the claim alone decides.

        Raises:
            RuntimeError: There is a surrounding transaction, in which the engine could commit nothing.
        """
        wanted = self._rows.filter(pk__in=[row.id for row in rows])
        with transaction.atomic(using=self._alias, durable=True):
            # Not FOR UPDATE, which would keep a log line from being added meanwhile.
            found = {row.id for row in self._read(wanted.select_for_update(skip_locked=True, no_key=True))}
        return [row for row in rows if row.id in found]

    def is_due(self, row: DueRow) -> bool:
        """Whether it is due still."""
        return self._rows.filter(pk=row.id).exists()

    def counted(self) -> list[tuple[str, str, int]]:
        """Return flow, state and number of the rows, most first."""
        found = self._rows.values_list("kind", "state").annotate(number=Count("pk"))
        return sorted(found, key=lambda line: (-line[2], *line[:2]))

    def _read(self, rows: QuerySet[FlowTransaction]) -> list[DueRow]:
        return [DueRow(*row) for row in rows.values_list("pk", "kind", "tenant", "state", self._column)]


def stuck_rows(*, kind: str | None = None, tenant: str | None = None) -> QuerySet[FlowTransaction]:
    """Return the rows that recovery has left to an operator, the longest stuck first."""
    chosen: dict[str, Any] = {"kind": kind, "tenant": tenant}
    rows = FlowTransaction.objects.using(router.db_for_write(FlowTransaction)).filter(
        state_kind=StateKind.WORKING, stuck_since__isnull=False
    )
    rows = rows.filter(**{name: value for name, value in chosen.items() if value is not None})
    return rows.order_by("stuck_since", "pk")


@database_answers()
def has_rows(**columns: str) -> bool:
    """Whether any row has these values, for example of a flow that this release does not know.

    Raises:
        StoreUnavailable: The database does not answer.
    """
    return FlowTransaction.objects.using(router.db_for_write(FlowTransaction)).filter(**columns).exists()
