"""The transaction store: the engine's port, on Django's ORM. The same on SQLite and PostgreSQL."""

from __future__ import annotations

import hmac
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from django.db import Error, IntegrityError, connections, router, transaction

from stateful_oauth.flows.engine.errors import FenceLost, StoreUnavailable
from stateful_oauth.flows.engine.transaction import (
    SEQUENCE_STEP,
    StateKind,
    Transaction,
    TransitionLog,
)
from stateful_oauth.storage import rows
from stateful_oauth.storage.availability import database_answers, is_unavailable
from stateful_oauth.storage.domain_events import handle_domain_event
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from stateful_oauth.flows.engine.domain_events import DomainEvent

REJECTIONS_KEPT: Final = 20  # per transaction: enough to see what is going on, too few to fill a disk with
_APPEND_ATTEMPTS: Final = 4
_NIL: Final = uuid.UUID(int=0)


class DjangoTransactionStore:
    """Implements `flows.engine.ports.TransactionStore`."""

    @property
    def _alias(self) -> str:
        return router.db_for_write(FlowTransaction)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open one short, outermost database transaction.

        Outermost (`durable`), because what it commits must be committed before the provider is called: a
        surrounding transaction, for example of `ATOMIC_REQUESTS`, would take that away.

        Raises:
            StoreUnavailable: The database is gone, full, read-only, locked for too long, or restarting; also
                when that came to light in a statement whose error the code inside has caught.
            RuntimeError: There is a surrounding transaction.
        """
        with database_answers(), transaction.atomic(using=self._alias, durable=True):
            self._announce_writing()
            yield
            if transaction.get_rollback(using=self._alias):
                # Django would roll back without a word, and the caller take it for committed.
                raise StoreUnavailable("The database transaction cannot be committed any more.")

    def create(self, transaction: Transaction, log: Sequence[TransitionLog]) -> None:
        """Insert a row and its first log lines."""
        rows.insert(transaction, log, using=self._alias)

    def load(self, transaction_id: uuid.UUID) -> Transaction | None:
        """Return the row as it is now.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        with database_answers():
            row = rows.transactions(self._alias).select({"id": transaction_id})
        return None if row is None else rows.value_of(row)

    def save(
        self,
        transaction: Transaction,
        log: Sequence[TransitionLog],
        domain_events: Sequence[DomainEvent],
        *,
        seen: int,
    ) -> bool:
        """Write row, log lines and domain events, if the row's version and browser are still those.

        This conditional UPDATE is the one fence of the package. On PostgreSQL it waits for the row lock of
        another writer and then sees that writer's version; on SQLite there is one writer at a time. Either
        way exactly one of several claims finds the version it read, and owns the row from its commit on.
        """
        row: dict[str, Any] = {"id": transaction.id, "version": seen}
        if transaction.browser is not None:
            row["browser"] = transaction.browser  # signing out unbinds it, and raises no version
        alias = self._alias
        if not rows.transactions(alias).update(rows.changing(transaction), row):
            return False
        rows.append(transaction, log, using=alias)
        self._handle(transaction, domain_events, alias)
        return True

    def lock(self, transaction_ids: Collection[uuid.UUID]) -> Sequence[Transaction]:
        """Return the rows that no other worker holds, and hold them until the transaction ends."""
        free = FlowTransaction.objects.using(self._alias).select_for_update(skip_locked=True, no_key=True)
        return [rows.value_of(row) for row in free.filter(pk__in=list(transaction_ids)).values()]

    def save_all(self, moved: Sequence[tuple[Transaction, Sequence[TransitionLog], int]]) -> None:
        """Write rows that were locked, and the log lines of all of them in one statement.

        Raises:
            FenceLost: A row was moved all the same.
        """
        alias = self._alias
        for value, _, seen in moved:
            if not rows.transactions(alias).update(rows.changing(value), {"id": value.id, "version": seen}):
                raise FenceLost
        rows.append_all([(value, log) for value, log, _ in moved], using=alias)

    def record(self, transaction: Transaction, domain_events: Sequence[DomainEvent]) -> None:
        """Handle domain events of a result that came too late to move the row."""
        self._handle(transaction, domain_events, self._alias)

    def _handle(self, transaction: Transaction, domain_events: Sequence[DomainEvent], alias: str) -> None:
        for event in domain_events:
            handle_domain_event(event, transaction, using=alias)

    def reject(self, transaction: Transaction, line: TransitionLog) -> None:
        """Append a rejected event, up to `REJECTIONS_KEPT`."""
        lines = TransitionRecord.objects.using(self._alias).filter(transaction_id=transaction.id)
        try:
            if lines.filter(rejected=True).count() >= REJECTIONS_KEPT:
                return
            for _ in range(_APPEND_ATTEMPTS):
                here = lines.filter(sequence__gte=line.sequence, sequence__lt=line.sequence + SEQUENCE_STEP)
                last = here.order_by("sequence").values_list("sequence", flat=True).last() or line.sequence
                # Counting alone would let rejections of one moment go over the cap; their numbers cannot.
                if last >= line.sequence + REJECTIONS_KEPT:
                    return
                record = rows.record_of(transaction, line) | {"sequence": last + 1}
                try:
                    with _savepoint(self._alias):
                        rows.records(self._alias).insert([record])
                except IntegrityError:
                    continue  # another rejection took the number
                return
        except Error as error:
            if not is_unavailable(error):
                raise
            return  # a log of refused events is not worth failing a request for

    def release(self) -> None:
        """Give a connection back to Django's pool; without a pool, the connection stays this thread's."""
        connection: Any = connections[self._alias]
        if connection.settings_dict["OPTIONS"].get("pool") and not connection.in_atomic_block:
            connection.close()

    def open_transactions(self, kind: str, browsers: Collection[bytes]) -> Sequence[Transaction]:
        """Return the browser's waiting transactions of this kind, oldest first."""
        waiting = FlowTransaction.objects.using(self._alias).filter(
            kind=kind, browser__in=browsers, state_kind=StateKind.WAITING
        )
        with database_answers():
            return [rows.value_of(row) for row in waiting.order_by("pk").values()]

    def _announce_writing(self) -> None:
        """Take SQLite's write lock now, if `BEGIN IMMEDIATE` has not done so.

        A transaction that reads first and writes later is refused at once, whatever the timeout, when
        another transaction wrote in between.
        """
        connection: Any = connections[self._alias]
        if connection.vendor == "sqlite" and connection.transaction_mode not in ("IMMEDIATE", "EXCLUSIVE"):
            # By the key, so that it reads no row: nothing is stored under the nil UUID.
            FlowTransaction.objects.using(self._alias).filter(pk=_NIL).update(version=1)


def _savepoint(alias: str) -> transaction.Atomic:
    return transaction.atomic(using=alias)


def started_by(browsers: Collection[bytes], transaction_id: uuid.UUID) -> FlowTransaction | None:
    """Return the row, if this browser started it: for pages that show a visitor their own attempt.

    Args:
        browsers: The digests of the browser's binding; empty for a browser that sent none.
    """
    # Of the database that is written: a replica may not have the row yet.
    written = FlowTransaction.objects.using(router.db_for_write(FlowTransaction))
    row = written.filter(pk=transaction_id).first()
    if row is None or row.browser is None:
        return None
    own = bytes(row.browser)
    return row if any(hmac.compare_digest(own, each) for each in browsers) else None


def last_detail(row: FlowTransaction) -> str:
    """Return what another service said at the last transition of a row: text from outside."""
    records = TransitionRecord.objects.using(router.db_for_write(TransitionRecord))
    found = records.filter(transaction_id=row.pk, sequence=SEQUENCE_STEP * row.version)
    return found.values_list("detail", flat=True).first() or ""
