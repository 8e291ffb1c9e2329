"""What really happened at the tenant: the truth that invariants are checked against."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from stateful_oauth.emulator.ids import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stateful_oauth.emulator.clock import Clock

SECRET_FIELDS = frozenset(
    {"code", "refresh_token", "access_token", "request_uri", "ticket", "jti", "auth_session"}
)
"""Fields that are kept as digests; a query may give the value or its digest."""


@dataclass(frozen=True)
class Entry:
    """One effect: ``fields`` holds client_id, user_id and the digests that the effect has."""

    sequence: int
    at: float
    effect: str
    fields: Mapping[str, str]

    def matches(self, effect: str | None, where: Mapping[str, str | None]) -> bool:
        """Whether it is such an effect, with those fields; None asks for a field to be absent."""
        if effect is not None and effect != self.effect:
            return False
        return all(_same(name, self.fields.get(name), wanted) for name, wanted in where.items())


def _same(name: str, have: str | None, wanted: str | None) -> bool:
    if have is None or wanted is None:
        return have is wanted
    return have == wanted or (name in SECRET_FIELDS and have == digest(wanted))


class Ledger:
    """Append-only list of effects, oldest first. Safe to read from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[Entry] = []
        self._lock = Lock()

    def record(self, effect: str, **fields: str | None) -> Entry:
        """Append an effect; secrets among ``fields`` are kept as digests, None is left out."""
        kept = {
            name: digest(value) if name in SECRET_FIELDS else value
            for name, value in fields.items()
            if value is not None
        }
        with self._lock:
            entry = Entry(len(self._entries) + 1, self._clock.now(), effect, kept)
            self._entries.append(entry)
        return entry

    def entries(self, effect: str | None = None, **where: str | None) -> list[Entry]:
        """Return the effects of that name (None: all) whose fields have those values."""
        with self._lock:
            found = list(self._entries)
        return [entry for entry in found if entry.matches(effect, where)]

    def count(self, effect: str | None = None, **where: str | None) -> int:
        """Return how many such effects there are."""
        return len(self.entries(effect, **where))

    def last(self, effect: str | None = None, **where: str | None) -> Entry | None:
        """Return the latest such effect."""
        found = self.entries(effect, **where)
        return found[-1] if found else None

    def clear(self) -> None:
        """Forget everything; only ``Tenant.reset`` should want this."""
        with self._lock:
            self._entries.clear()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())

    def __len__(self) -> int:
        return self.count()
