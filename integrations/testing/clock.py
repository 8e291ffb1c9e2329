"""A clock that only moves when it is told to."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class ManualClock:
    """Implements `flows.engine.ports.Clock`.

    Sleeping lets other threads run, and moves the clock: a test that waits for another thread takes no time,
    and one that waits in vain comes to its limit.
    """

    def __init__(self, at: datetime | None = None) -> None:
        self._at = at or datetime(2026, 1, 1, 12, tzinfo=UTC)
        self._lock = threading.Lock()
        self.slept = 0.0

    def now(self) -> datetime:
        """Return the time."""
        return self._at

    def sleep(self, seconds: float) -> None:
        """Move the clock on by `seconds`."""
        self.slept += seconds
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        with self._lock:
            self._at += timedelta(seconds=seconds)

    def timestamp(self) -> float:
        """Return the time in Unix seconds, for an emulated tenant to follow."""
        return self._at.timestamp()
