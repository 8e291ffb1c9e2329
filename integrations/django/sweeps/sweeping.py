"""The sweeps: bring overdue rows on, one by one, through the engine.

`recover_due` goes through the transactions whose worker did not come back, `expire_due` through those whose
browser did not. Any number of sweeps may run at once, as a command, as a task or by hand: they spread over
the rows that are due (`storage/sweeps.py`), and the engine's fence decides where two meet. Grants are not
swept: the next request that needs one finds that its claim has run out.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.db import connections, router

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.errors import StoreUnavailable
from stateful_oauth.flows.engine.outcomes import Expired, Failed, InProgress, Outcome, Rejected
from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.storage.availability import database_answers, is_unavailable
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.storage.sweeps import DueRow, DueRows, stuck_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger("stateful_oauth.sweeping")

PROBLEMS_KEPT: Final = 100  # listed by id; all are counted
_AT_A_TIME: Final = 10  # rows between two looks at what others have done meanwhile
_TOGETHER: Final = 250  # rows per commit that expire together: short enough that no request waits for it
_DATABASE_FAILURES: Final = 5  # in a row: then it is not the row that is broken
# Not the process's own generator: workers that were forked from one parent would go the same way.
_random: Final = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that needs an operator.

    Attributes:
        what: `quarantined`, `broken` or `stuck`.
        code: An error code, or the name of the exception.
    """

    id: str
    kind: str
    tenant: str
    state: str
    what: str
    code: str


@dataclass(slots=True)
class SweepReport:
    """What a sweep did.

    Attributes:
        counts: How many rows, by what became of them; see `RECOVERY` and `EXPIRY`.
        due: After a dry run: flow, state and number of the rows that are due.
        problems: The first `PROBLEMS_KEPT` rows that need an operator.
    """

    counts: dict[str, int]
    due: list[tuple[str, str, int]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def needs_operator(self) -> int:
        """How many rows could not be handled, or wait for an operator."""
        return sum(self.counts.get(name, 0) for name in ("quarantined", "broken", "stuck"))

    def as_json(self) -> dict[str, Any]:
        """Return the report as what `json.dumps` takes."""
        return {
            **self.counts,
            "due_rows": [
                {"kind": kind, "state": state, "number": number} for kind, state, number in self.due
            ],
            "problems": [
                {name: getattr(problem, name) for name in Problem.__slots__} for problem in self.problems
            ],
        }


# What can become of a row, and in which order it is reported.
RECOVERY: Final = (
    "due",  # dry run: would be taken
    "recovered",  # is over, or waits for its browser again
    "given_up",  # ended with a code: what happened at the provider cannot be found out, or it went wrong
    "postponed",  # works still, and is due again later: the provider asked for it, or an answer was lost
    "overtaken",  # a browser or another sweep brought it on first
    "quarantined",  # this release cannot read it; left as it is
    "broken",  # an exception; left to the next sweep
    "stuck",  # waits for an operator, since this sweep or an earlier one
)
EXPIRY: Final = ("due", "expired", "overtaken", "quarantined", "broken")


def recover_due(
    *,
    kind: str | None = None,
    tenant: str | None = None,
    limit: int | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> SweepReport:
    """Bring on the transactions whose worker did not come back, as their effects declare.

    Args:
        limit: How many to bring on. Rows that cannot be brought on do not count and block no others.
        progress: Is called after each row with the number of rows so far.

    Raises:
        StoreUnavailable: The database does not answer.
        RuntimeError: There is a surrounding database transaction.
    """
    with database_answers():
        sweep = _Sweep(StateKind.WORKING, RECOVERY, kind, tenant, progress)
        report = sweep.look(limit) if dry_run else sweep.run(limit)
        _add_stuck_rows(report, kind, tenant)
    return report


def expire_due(
    *,
    kind: str | None = None,
    tenant: str | None = None,
    limit: int | None = None,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> SweepReport:
    """Close the transactions whose browser did not come back in time; arguments as for `recover_due`.

    Raises:
        StoreUnavailable: The database does not answer.
        RuntimeError: There is a surrounding database transaction.
    """
    with database_answers():
        sweep = _Sweep(StateKind.WAITING, EXPIRY, kind, tenant, progress)
        return sweep.look(limit) if dry_run else sweep.run(limit)


def _add_stuck_rows(report: SweepReport, kind: str | None, tenant: str | None) -> None:
    rows = stuck_rows(kind=kind, tenant=tenant)
    first = [*rows.values_list("pk", "kind", "tenant", "state", "code")[:PROBLEMS_KEPT]]
    report.counts["stuck"] = len(first) if len(first) < PROBLEMS_KEPT else rows.count()
    for id_, flow, alias, state, code in first[: PROBLEMS_KEPT - len(report.problems)]:
        report.problems.append(Problem(str(id_), flow, alias, state, "stuck", code))


class _Sweep:
    """One run over the rows of one kind of state."""

    def __init__(
        self,
        state_kind: StateKind,
        names: tuple[str, ...],
        kind: str | None,
        tenant: str | None,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._rows = DueRows(state_kind, now=wiring.clock.now(), kind=kind, tenant=tenant)
        self._expires = state_kind is StateKind.WAITING
        self._names, self._progress = names, progress
        self._caller = SystemCaller()
        self._counts: Counter[str] = Counter()
        self._problems: list[Problem] = []
        self._failures = 0

    def look(self, limit: int | None) -> SweepReport:
        """Count what is due."""
        due = self._rows.counted()
        total = sum(number for *_, number in due)
        self._counts["due"] = total if limit is None else min(total, limit)
        return self._report(due)

    def run(self, limit: int | None) -> SweepReport:
        """Bring on what is due."""
        for row in self._in_turn(limit):
            if limit is not None and self._brought_on() >= limit:
                break
            became = self._bring_on(row)
            self._counts[became] += 1
            self._tell()
        return self._report()

    def _brought_on(self) -> int:
        return self._counts.total() - sum(
            self._counts[name] for name in ("overtaken", "quarantined", "broken")
        )

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self._counts.total())

    def _in_turn(self, limit: int | None) -> Iterator[DueRow]:
        for window in self._rows.windows():
            order = _random.sample(window, len(window))
            if self._expires and len(order) >= _TOGETHER:
                order = self._expire_together(order, limit)
            for first in range(0, len(order), _AT_A_TIME):
                few = order[first : first + _AT_A_TIME]
                left = self._rows.still_due(few)
                self._counts["overtaken"] += len(few) - len(left)
                yield from left

    def _expire_together(self, rows: list[DueRow], limit: int | None) -> list[DueRow]:
        """Expire those that end without a call, many per commit; return the others."""
        others: list[DueRow] = []
        for first in range(0, len(rows), _TOGETHER):
            few = rows[first : first + _TOGETHER]
            if limit is not None and len(few) > limit - self._brought_on():
                return others + rows[first:]  # the last ones one by one, up to the limit
            try:
                expired = wiring.engine().expire_together([row.id for row in few], self._caller)
            except StoreUnavailable:
                raise
            except Exception as error:
                logger.warning("rows could not be expired together", exc_info=error)
                expired = frozenset()
            others += [row for row in few if row.id not in expired]
            self._counts["expired"] += len(expired)
            self._tell()
        return others

    def _report(self, due: list[tuple[str, str, int]] | None = None) -> SweepReport:
        return SweepReport({name: self._counts[name] for name in self._names}, due or [], self._problems)

    def _bring_on(self, row: DueRow) -> str:
        """Have the engine bring on one row, and return what became of it."""
        try:
            outcome = wiring.engine().recover(row.id, self._caller)
            became = self._name(row, outcome)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one row, the others are not at fault
            self._survive(row, error)
            return "broken"
        self._failures = 0
        return became

    def _name(self, row: DueRow, outcome: Outcome) -> str:
        if isinstance(outcome, Rejected):
            return self._name_of_rejection(row, outcome.code)
        if outcome.replayed:
            return "overtaken"
        if self._expires:
            return "expired"
        if isinstance(outcome, InProgress):
            return "stuck" if stuck_rows().filter(pk=row.id).exists() else "postponed"
        return "given_up" if isinstance(outcome, Failed | Expired) else "recovered"

    def _name_of_rejection(self, row: DueRow, code: str) -> str:
        if code == "quarantined":  # the engine has logged why
            self._keep(row, "quarantined", code)
            return "quarantined"
        if not self._rows.is_due(row):
            # It was brought on, here or elsewhere; only the browser's next URL could not be made.
            overtaken = code in ("fence_lost", "transaction_unknown")
            return "overtaken" if overtaken else ("expired" if self._expires else "recovered")
        if code == "fence_lost":
            return "overtaken"
        self._keep(row, "broken", code)
        return "broken"

    def _survive(self, row: DueRow, error: Exception) -> None:
        self._keep(row, "broken", type(error).__name__)
        logger.error("transaction %s could not be brought on", row.id, exc_info=error)
        if not isinstance(error, StoreUnavailable) and not is_unavailable(error):
            self._failures = 0
            return
        self._failures += 1
        connection = connections[router.db_for_write(FlowTransaction)]
        if not connection.in_atomic_block:  # a connection that is gone must not fail the next row, too
            connection.close_if_unusable_or_obsolete()
        if self._failures >= _DATABASE_FAILURES:
            raise StoreUnavailable("The database failed several rows running.") from error

    def _keep(self, row: DueRow, what: str, code: str) -> None:
        if len(self._problems) < PROBLEMS_KEPT:
            self._problems.append(Problem(str(row.id), row.kind, row.tenant, row.state, what, code))
