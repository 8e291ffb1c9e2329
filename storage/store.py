"""The transaction store: the engine's port, on Django's ORM. The same on SQLite and PostgreSQL."""

from __future__ import annotations

import hmac
import json
import uuid
from collections.abc import Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final

from django.db import IntegrityError, InterfaceError, OperationalError, connections, router, transaction

from stateful_oauth.flows.engine.errors import Quarantined, StoreUnavailable
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.engine.transaction import (
    SEQUENCE_STEP,
    Definition,
    StateKind,
    Transaction,
    TransitionLog,
)
from stateful_oauth.storage import encryption
from stateful_oauth.storage.domain_events import handle_domain_event
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from stateful_oauth.storage.statements import Table

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
            StoreUnavailable: The database is gone, full, locked for too long, or restarting; also when that
                came to light in a statement whose error the code inside has caught.
            RuntimeError: There is a surrounding transaction.
        """
        try:
            with transaction.atomic(using=self._alias, durable=True):
                self._announce_writing()
                yield
                if transaction.get_rollback(using=self._alias):
                    # Django would roll back without a word, and the caller take it for committed.
                    raise StoreUnavailable("The database transaction cannot be committed any more.")
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable(type(error).__name__) from error

    def create(self, transaction: Transaction, log: Sequence[TransitionLog]) -> None:
        """Insert a row and its first log lines."""
        alias = self._alias
        _transactions(alias).insert([_creation(transaction) | _changing(transaction)])
        _append(alias, transaction, log)

    def load(self, transaction_id: uuid.UUID) -> Transaction | None:
        """Return the row as it is now.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        try:
            row = _transactions(self._alias).select({"id": transaction_id})
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable(type(error).__name__) from error
        return None if row is None else _value(row)

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
        if not _transactions(alias).update(_changing(transaction), row):
            return False
        _append(alias, transaction, log)
        for event in domain_events:
            handle_domain_event(event, transaction, using=alias)
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
                # Counting alone would let rejections of one moment go over the cap; their numbers cannot.
                if last >= line.sequence + REJECTIONS_KEPT:
                    return
                record = _record(transaction, line) | {"sequence": last + 1}
                try:
                    with _savepoint(self._alias):
                        _records(self._alias).insert([record])
                except IntegrityError:
                    continue  # another rejection took the number
                return
        except (OperationalError, InterfaceError):
            return  # a log of refused events is not worth failing a request for

    def open_transactions(self, kind: str, browsers: Collection[bytes]) -> Sequence[Transaction]:
        """Return the browser's waiting transactions of this kind, oldest first."""
        rows = FlowTransaction.objects.using(self._alias).filter(
            kind=kind, browser__in=browsers, state_kind=StateKind.WAITING
        )
        try:
            return [_value(row) for row in rows.order_by("pk").values()]
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable(type(error).__name__) from error

    def _announce_writing(self) -> None:
        """Take SQLite's write lock now, if `BEGIN IMMEDIATE` has not done so.

        A transaction that reads first and writes later is refused at once, whatever the timeout, when
        another transaction wrote in between.
        """
        connection: Any = connections[self._alias]
        if connection.vendor == "sqlite" and connection.transaction_mode not in ("IMMEDIATE", "EXCLUSIVE"):
            # By the key, so that it reads no row: nothing is stored under the nil UUID.
            FlowTransaction.objects.using(self._alias).filter(pk=_NIL).update(version=1)


def _append(alias: str, transaction: Transaction, log: Sequence[TransitionLog]) -> None:
    _records(alias).insert([_record(transaction, line) for line in log])


def _savepoint(alias: str) -> transaction.Atomic:
    return transaction.atomic(using=alias)


@cache
def _transactions(alias: str) -> Table:
    return Table(FlowTransaction, alias)


@cache
def _records(alias: str) -> Table:
    return Table(TransitionRecord, alias)


class SealedSecrets(Mapping[str, Secret]):
    """The secrets of a row as they lie in the database, opened when the first one is asked for.

    Raises:
        Quarantined: No key of the ring opens them.
    """

    def __init__(self, token: str, context: str) -> None:
        self.token = token
        self._context = context

    @cached_property
    def _opened(self) -> dict[str, Secret]:
        try:
            opened: dict[str, Secret] = json.loads(
                encryption.unseal(self.token, context=self._context),
                object_pairs_hook=lambda pairs: {name: Secret(secret) for name, secret in pairs},
            )
        except encryption.UndecryptableError as error:
            raise Quarantined(str(error)) from error
        return opened

    def __getitem__(self, name: str) -> Secret:
        return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._opened)

    def __len__(self) -> int:
        return len(self._opened)


def secrets_of(row: FlowTransaction) -> Mapping[str, Secret]:
    """Return the secrets of a row, sealed until the first one is asked for."""
    return SealedSecrets(row.secrets, _context(row.pk)) if row.secrets else {}


def _context(transaction_id: uuid.UUID) -> str:
    return f"transaction:{transaction_id}"


def _seal(value: Transaction) -> str | None:
    if value.is_final:
        return None
    if isinstance(value.secrets, SealedSecrets):
        return value.secrets.token
    # In one expression: no variable holds a secret in clear, which an error report would show.
    return encryption.seal(
        Secret(json.dumps({name: secret.reveal() for name, secret in value.secrets.items()})),
        context=_context(value.id),
    )


def _creation(value: Transaction) -> dict[str, Any]:
    """Return the columns that are written once."""
    return {
        "id": value.id,
        "kind": value.kind,
        "tenant": value.tenant,
        "browser": value.browser,
        "created_at": value.created_at,
    }


def _changing(value: Transaction) -> dict[str, Any]:
    """Return the columns that every step writes."""
    return {
        "definition_version": value.definition.version,
        "definition_structure": value.definition.structure,
        "state": value.state,
        "state_kind": value.state_kind.value,
        "state_digest": value.state_digest,
        "version": value.version,
        "inputs": value.inputs,
        "secrets": _seal(value),
        "deadline": value.deadline,
        "lease_until": value.lease_until,
        "attempts": value.attempts,
        "stuck_since": value.stuck_since,
        "code": value.code,
        "user_id": value.user_id,
        "result": value.result,
        "changed_at": value.changed_at,
    }


def _value(row: Mapping[str, Any]) -> Transaction:
    return Transaction(
        id=row["id"],
        kind=row["kind"],
        tenant=row["tenant"],
        definition=Definition(row["definition_version"], row["definition_structure"]),
        state=row["state"],
        state_kind=StateKind(row["state_kind"]),
        version=row["version"],
        browser=None if row["browser"] is None else bytes(row["browser"]),
        state_digest=bytes(row["state_digest"]),
        inputs=row["inputs"],
        secrets={} if row["secrets"] is None else SealedSecrets(row["secrets"], _context(row["id"])),
        deadline=row["deadline"],
        lease_until=row["lease_until"],
        attempts=row["attempts"],
        stuck_since=row["stuck_since"],
        code=row["code"],
        user_id=None if row["user_id"] is None else str(row["user_id"]),
        result=row["result"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )


def _record(value: Transaction, line: TransitionLog) -> dict[str, Any]:
    return {
        "transaction_id": value.id,
        "sequence": line.sequence,
        "event": line.event,
        "source": line.source,
        "target": line.target,
        "at": line.at,
        "actor": str(line.actor),
        "reason": line.actor.reason,
        "effect": line.effect,
        "code": line.code,
        "detail": line.detail,
        "rejected": line.rejected,
    }


def started_by(browsers: Collection[bytes], transaction_id: uuid.UUID) -> FlowTransaction | None:
    """Return the row, if this browser started it: for pages that show a visitor their own attempt.

    Args:
        browsers: The digests of the browser's binding; empty for a browser that sent none.
    """
    row = FlowTransaction.objects.filter(pk=transaction_id).first()
    if row is None or row.browser is None:
        return None
    own = bytes(row.browser)
    return row if any(hmac.compare_digest(own, each) for each in browsers) else None


def last_detail(row: FlowTransaction) -> str:
    """Return what another service said at the last transition of a row: text from outside."""
    records = TransitionRecord.objects.using(router.db_for_write(TransitionRecord))
    found = records.filter(transaction_id=row.pk, sequence=SEQUENCE_STEP * row.version)
    return found.values_list("detail", flat=True).first() or ""
