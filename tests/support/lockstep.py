"""Races that happen every time: a clock that really waits, and stores that make threads meet."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from stateful_oauth.flows.engine.domain_events import DomainEvent
from stateful_oauth.flows.engine.transaction import SEQUENCE_STEP, Transaction, TransitionLog
from stateful_oauth.storage.store import DjangoTransactionStore

DELIVERIES = 32


class RunningClock:
    """The real time, which a test may move on; whoever waits for somebody else really waits."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._never = threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def sleep(self, seconds: float) -> None:
        self._never.wait(seconds)

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)

    def timestamp(self) -> float:
        return self.now().timestamp()


class LockstepStore(DjangoTransactionStore):
    """The worst moment, every time: all threads read the row before any of them may write it.

    Args:
        readers: How many threads there are.
    """

    def __init__(self, readers: int) -> None:
        self._all_have_read = threading.Barrier(readers)
        self._seen = threading.local()

    def load(self, transaction_id: uuid.UUID) -> Transaction | None:
        row = super().load(transaction_id)
        if not getattr(self._seen, "before", False):
            self._seen.before = True
            self._all_have_read.wait(30)
        return row


class UnfencedStore(LockstepStore):
    """A negative control: a store that lost its fence. `save` writes whoever was first.

    Args:
        log_too: Also get round the second line of defence, the unique numbers of the log.
    """

    def __init__(self, readers: int, *, log_too: bool) -> None:
        super().__init__(readers)
        self._log_too, self._extra, self._lock = log_too, 0, threading.Lock()

    def save(
        self,
        transaction: Transaction,
        log: Sequence[TransitionLog],
        domain_events: Sequence[DomainEvent],
        *,
        seen: int,
    ) -> bool:
        if self._log_too:
            log = [replace(line, sequence=self._free()) for line in log]
        row = DjangoTransactionStore.load(self, transaction.id)
        assert row is not None
        # The version that the row has now, whatever it was when the caller read it.
        while not super().save(transaction, log, domain_events, seen=row.version):
            row = DjangoTransactionStore.load(self, transaction.id)
            assert row is not None
        return True

    def _free(self) -> int:
        with self._lock:
            self._extra += 1
            return 1000 * SEQUENCE_STEP + self._extra
