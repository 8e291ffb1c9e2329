"""How a transaction and its log lie in their tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine.errors import Quarantined
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.engine.transaction import Definition, StateKind, Transaction, TransitionLog
from stateful_oauth.storage import encryption
from stateful_oauth.storage.models import FlowTransaction, TransitionRecord
from stateful_oauth.storage.statements import Table

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator, Sequence


def insert(transaction: Transaction, log: Sequence[TransitionLog], *, using: str) -> None:
    """Insert a row and its first log lines."""
    transactions(using).insert([creation(transaction) | changing(transaction)])
    append(transaction, log, using=using)


def insert_all(created: Sequence[tuple[Transaction, Sequence[TransitionLog]]], *, using: str) -> None:
    """Insert rows with their first log lines, in two statements."""
    transactions(using).insert([creation(row) | changing(row) for row, _ in created])
    records(using).insert([record_of(row, line) for row, log in created for line in log])


def append(transaction: Transaction, log: Sequence[TransitionLog], *, using: str) -> None:
    """Insert log lines."""
    records(using).insert([record_of(transaction, line) for line in log])


def append_all(moved: Sequence[tuple[Transaction, Sequence[TransitionLog]]], *, using: str) -> None:
    """Insert the log lines of several rows, in one statement."""
    records(using).insert([record_of(row, line) for row, log in moved for line in log])


@cache
def transactions(alias: str) -> Table:
    """Return the statements of the transactions' table."""
    return Table(FlowTransaction, alias)


@cache
def records(alias: str) -> Table:
    """Return the statements of the log's table."""
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


def creation(value: Transaction) -> dict[str, Any]:
    """Return the columns that are written once."""
    return {
        "id": value.id,
        "kind": value.kind,
        "tenant": value.tenant,
        "browser": value.browser,
        "created_at": value.created_at,
    }


def changing(value: Transaction) -> dict[str, Any]:
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


def value_of(row: Mapping[str, Any]) -> Transaction:
    """Return the transaction of a row, with its secrets sealed until the first one is asked for."""
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


def record_of(value: Transaction, line: TransitionLog) -> dict[str, Any]:
    """Return the columns of a line of the log."""
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
