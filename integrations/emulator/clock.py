"""The tenant's own time."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Seconds since the epoch, as this tenant sees them.

    Without arguments it runs with the real time. ``Clock(at=1_800_000_000)`` stands still until moved;
    ``Clock(source=f)`` follows a callable, for instance the clock of the code under test.
    """

    def __init__(self, *, at: float | None = None, source: Callable[[], float] | None = None) -> None:
        self._source: Callable[[], float] = source or time.time
        self._frozen = at
        self._offset = 0.0

    @property
    def standing(self) -> bool:
        """Whether the time only moves when told to."""
        return self._frozen is not None

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        base = self._source() if self._frozen is None else self._frozen
        return base + self._offset

    def set(self, at: float) -> None:
        """Stop the clock at ``at`` (seconds since the epoch)."""
        self._frozen, self._offset = at, 0.0

    def advance(self, seconds: float) -> None:
        """Move forward (or, with a negative number, back) by ``seconds``."""
        self._offset += seconds

    def follow(self, source: Callable[[], float] | None = None) -> None:
        """Run with ``source`` from now on; with None, with the real time."""
        self._source, self._frozen, self._offset = source or time.time, None, 0.0


def iso(at: float) -> str:
    """Return a time as Auth0 writes it: ISO 8601, UTC, milliseconds."""
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
