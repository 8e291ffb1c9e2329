"""What the database shows after a step: transactions and their logs, and what has changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.storage.models import FlowTransaction, TransitionRecord

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator, Mapping
    from datetime import datetime

_COLUMNS: Final = tuple(each.attname for each in FlowTransaction._meta.concrete_fields)  # noqa: SLF001 - public in Django


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log."""

    sequence: int
    source: str
    event: str
    target: str
    actor: str
    code: str
    effect: str
    rejected: bool
    at: datetime

    @property
    def edge(self) -> tuple[str, str, str]:
        """Source, event and target: the arrow of the diagram."""
        return self.source, self.event, self.target

    def __str__(self) -> str:
        arrow = f"{self.source} --{self.event}--> {self.target}"
        effect = f" / {self.effect}" if self.effect else ""
        code = f" ({self.code})" if self.code else ""
        return f"{arrow}{effect}{code}{' REJECTED' if self.rejected else ''}"


@dataclass(frozen=True, slots=True)
class Row:
    """A transaction as the database holds it."""

    columns: Mapping[str, Any]
    log: tuple[LogLine, ...]

    def __getattr__(self, name: str) -> Any:
        return self.columns[name]

    @property
    def taken(self) -> list[LogLine]:
        """The lines of transitions, without the rejected events."""
        return [line for line in self.log if not line.rejected]

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return bool(self.columns["state_kind"] != "final")

    def show(self) -> str:
        """Return the row and its log as text, for messages."""
        c = self.columns
        head = f"{c['kind']} {c['state']} ({c['state_kind']}), version {c['version']}, code {c['code']!r}"
        return "\n".join([head, *(f"  {line.sequence}: {line} by {line.actor}" for line in self.log)])


@dataclass(frozen=True, slots=True)
class Observation:
    """All transactions, in the order in which they began."""

    rows: Mapping[uuid.UUID, Row] = field(default_factory=dict)

    @classmethod
    def now(cls) -> Observation:
        """Read them."""
        logs: dict[uuid.UUID, list[LogLine]] = {}
        records = TransitionRecord.objects.order_by("transaction_id", "sequence").values_list(
            "transaction_id",
            "sequence",
            "source",
            "event",
            "target",
            "actor",
            "code",
            "effect",
            "rejected",
            "at",
        )
        for record in records:
            values: tuple[Any, ...] = record
            logs.setdefault(values[0], []).append(LogLine(*values[1:]))
        found = {
            values[_COLUMNS.index("id")]: Row(
                dict(zip(_COLUMNS, values, strict=True)),
                tuple(logs.get(values[_COLUMNS.index("id")], ())),
            )
            for values in FlowTransaction.objects.values_list(*_COLUMNS)
        }
        in_order = sorted(found.values(), key=lambda row: (row.created_at, _FIRST.get(row.kind, 0), row.kind))
        return cls({row.id: row for row in in_order})

    def changed_since(self, before: Observation) -> Iterator[tuple[uuid.UUID, Row | None, Row | None]]:
        """Yield id, row before and row now of each transaction that came, went, or changed."""
        for id_, row in self.rows.items():
            old = before.rows.get(id_)
            if old is None or old != row:
                yield id_, old, row
        for id_, old in before.rows.items():
            if id_ not in self.rows:
                yield id_, old, None

    def open(self) -> list[Row]:
        """Return those that are not over, oldest first."""
        return [row for row in self.rows.values() if row.is_open]


# A child is born when its parent moves on: by a clock that stands still, that may be the same moment.
_FIRST: Final = {"login": -1}
