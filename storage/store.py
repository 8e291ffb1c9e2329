"""The transaction store: the engine's port, on Django's ORM. The same on SQLite and PostgreSQL."""

from __future__ import annotations

import hmac
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from django.db import IntegrityError, InterfaceError, OperationalError, connections, router, transaction

from stateful_oauth.flows.errors import Quarantined, StoreUnavailable
from stateful_oauth.flows.secret import Secret
from stateful_oauth.flows.transaction import SEQUENCE_STEP, Definition, StateKind, Transaction, TransitionLog
from stateful_oauth.storage import encryption
from stateful_oauth.storage.facts import write_fact
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator, Sequence

    from stateful_oauth.flows.facts import Fact

REJECTIONS_KEPT: Final = 20  # per transaction: enough to see what is going on, too few to fill a disk with
_APPEND_ATTEMPTS: Final = 4

# What a step may change. The rest of a row is written once.
_CHANGING: Final = (
    "definition_version", "definition_structure", "state", "state_kind", "version", "inputs", "secrets",
    "deadline", "lease_until", "attempts", "code", "user_id", "result", "changed_at",
)  # fmt: skip


class DjangoTransactionStore:
    """Implements `flows.ports.TransactionStore`."""

    @property
    def _alias(self) -> str:
        return router.db_for_write(FlowTransaction)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open one short, outermost database transaction.

        Outermost (`durable`), because what it commits must be committed before the provider is called: a
        surrounding transaction, for example of `ATOMIC_REQUESTS`, would take that away.

        Raises:
            StoreUnavailable: The database is gone, full, locked for too long, or restarting.
            RuntimeError: There is a surrounding transaction.
        """
        try:
            with transaction.atomic(using=self._alias, durable=True):
                self._announce_writing()
                yield
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable(type(error).__name__) from error

    def create(self, transaction: Transaction, log: Sequence[TransitionLog]) -> None:
        """Insert a row and its first log lines."""
        # save_base skips nothing that matters here, and no signal of ours listens to rows.
        FlowTransaction(**_columns(transaction), **_birth(transaction)).save(
            force_insert=True, using=self._alias
        )
        self._append(transaction, log)

    def load(self, transaction_id: uuid.UUID) -> Transaction | None:
        """Return the row as it is now.

        Raises:
            StoreUnavailable: The database does not answer.
            Quarantined: No key of the ring opens the row's secrets.
        """
        try:
            row = FlowTransaction.objects.using(self._alias).filter(pk=transaction_id).first()
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable(type(error).__name__) from error
        return None if row is None else _value(row)

    def save(
        self, transaction: Transaction, log: Sequence[TransitionLog], facts: Sequence[Fact], *, seen: int
    ) -> bool:
        """Write the row, its log lines and its facts, if the row's version is still `seen`.

        This conditional UPDATE is the one fence of the package. On PostgreSQL it waits for the row lock of
        another writer and then sees that writer's version; on SQLite there is one writer at a time. Either
        way exactly one of several claims finds the version it read, and owns the row from its commit on.
        """
        row = FlowTransaction.objects.using(self._alias).filter(pk=transaction.id, version=seen)
        if not row.update(**_columns(transaction)):
            return False
        self._append(transaction, log)
        for fact in facts:
            write_fact(fact, transaction, using=self._alias)
        return True

    def reject(self, transaction: Transaction, line: TransitionLog) -> None:
        """Append a rejected event, up to `REJECTIONS_KEPT`."""
        lines = TransitionRecord.objects.using(self._alias).filter(transaction_id=transaction.id)
        try:
            if lines.filter(rejected=True).count() >= REJECTIONS_KEPT:
                return
            for _ in range(_APPEND_ATTEMPTS):
                here = lines.filter(sequence__gte=line.sequence, sequence__lt=line.sequence + SEQUENCE_STEP)
                last = here.order_by("sequence").values_list("sequence", flat=True).last() or line.sequence
                if last + 1 >= line.sequence + SEQUENCE_STEP:
                    return
                record = _record(transaction, line)
                record.sequence = last + 1
                try:
                    with _savepoint(self._alias):
                        record.save(force_insert=True, using=self._alias)
                except IntegrityError:
                    continue  # another rejection took the number
                return
        except (OperationalError, InterfaceError):
            return  # a log of refused events is not worth failing a request for

    def open_transactions(self, kind: str, browser: bytes) -> Sequence[Transaction]:
        """Return the browser's waiting transactions of this kind, oldest first."""
        rows = FlowTransaction.objects.using(self._alias).filter(
            kind=kind, browser=browser, state_kind=StateKind.WAITING
        )
        return [_value(row) for row in rows.order_by("pk")]

    def _append(self, transaction: Transaction, log: Sequence[TransitionLog]) -> None:
        records = [_record(transaction, line) for line in log]
        TransitionRecord.objects.using(self._alias).bulk_create(records)

    def _announce_writing(self) -> None:
        """Take SQLite's write lock now, if `BEGIN IMMEDIATE` has not done so.

        A transaction that reads first and writes later is refused at once, whatever the timeout, when
        somebody else wrote in between.
        """
        connection: Any = connections[self._alias]
        if connection.vendor == "sqlite" and connection.transaction_mode not in ("IMMEDIATE", "EXCLUSIVE"):
            FlowTransaction.objects.using(self._alias).filter(version=0).update(version=0)


def _savepoint(alias: str) -> transaction.Atomic:
    return transaction.atomic(using=alias)


def _birth(value: Transaction) -> dict[str, Any]:
    return {
        "id": value.id,
        "kind": value.kind,
        "tenant": value.tenant,
        "browser": value.browser,
        "state_digest": value.state_digest,
        "created_at": value.created_at,
    }


def _columns(value: Transaction) -> dict[str, Any]:
    columns = {name: getattr(value, name) for name in _CHANGING if hasattr(value, name)}
    columns["definition_version"] = value.definition.version
    columns["definition_structure"] = value.definition.structure
    columns["secrets"] = _seal(value)
    return columns


def _seal(value: Transaction) -> str | None:
    if value.is_final:
        return None
    revealed = {name: secret.reveal() for name, secret in value.secrets.items()}
    return encryption.seal(json.dumps(revealed).encode(), place=f"transaction:{value.id}")


def _unseal(row: FlowTransaction) -> dict[str, Secret]:
    if row.secrets is None:
        return {}
    try:
        revealed = json.loads(encryption.unseal(row.secrets, place=f"transaction:{row.id}"))
    except encryption.UndecryptableError as error:
        raise Quarantined(str(error)) from error
    return {name: Secret(secret) for name, secret in revealed.items()}


def _value(row: FlowTransaction) -> Transaction:
    return Transaction(
        id=row.id,
        kind=row.kind,
        tenant=row.tenant,
        definition=Definition(row.definition_version, row.definition_structure),
        state=row.state,
        state_kind=StateKind(row.state_kind),
        version=row.version,
        browser=None if row.browser is None else bytes(row.browser),
        state_digest=bytes(row.state_digest),
        inputs=row.inputs,
        secrets=_unseal(row),
        deadline=row.deadline,
        lease_until=row.lease_until,
        attempts=row.attempts,
        code=row.code,
        user_id=None if row.user_id is None else str(row.user_id),
        result=row.result,
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def _record(value: Transaction, line: TransitionLog) -> TransitionRecord:
    return TransitionRecord(
        transaction_id=value.id,
        sequence=line.sequence,
        event=line.event,
        source=line.source,
        target=line.target,
        at=line.at,
        actor=str(line.actor),
        reason=line.actor.reason,
        effect=line.effect,
        code=line.code,
        rejected=line.rejected,
    )


def started_by(browser: bytes, transaction_id: uuid.UUID) -> FlowTransaction | None:
    """Return the row, if this browser started it: for pages that show a visitor their own attempt."""
    row = FlowTransaction.objects.filter(pk=transaction_id).first()
    if row is None or row.browser is None or not hmac.compare_digest(bytes(row.browser), browser):
        return None
    return row
