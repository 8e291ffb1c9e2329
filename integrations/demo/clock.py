"""The demo's clock: the real time, and how far it was moved forward."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

_START: Final = timedelta()


class OffsetClock:
    """Implements `flows.engine.ports.Clock`. Site and tenant both go by it."""

    def __init__(self) -> None:
        self._ahead = _START

    @property
    def ahead(self) -> timedelta:
        """How far this clock is ahead of the real one."""
        return self._ahead

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC) + self._ahead

    def timestamp(self) -> float:
        """Return the time in Unix seconds, for the tenant to follow."""
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Wait, really."""
        time.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Move forward. There is no way back, because nothing that lives by a clock survives one."""
        self._ahead += timedelta(seconds=seconds)
