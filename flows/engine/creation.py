"""How a transaction begins: as a row of its own, or as the child that another one opens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.engine.transaction import Json, StateKind, Transaction

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.flows.engine.effects import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildTransaction:
    """A transaction that an action opens; it is born in the same database transaction.

    Attributes:
        id: Chosen by who opens it, so that its own result can name it.
        kind: The flow.
        event: What it takes first.
        inputs: What the row keeps as JSON: checked by who opens it.
        secrets: Its first secrets; the engine adds `state`.
        user_id: The Django user that it is about, if that is known.
    """

    id: uuid.UUID
    kind: str
    event: Event
    inputs: Mapping[str, Json]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    user_id: str | None = None


def new_transaction(
    flow: FlowDefinition,
    *,
    tenant: str,
    browser: bytes | None,
    now: datetime,
    inputs: Mapping[str, Json],
    secrets: Mapping[str, Secret],
    user_id: str | None = None,
    transaction_id: uuid.UUID | None = None,
) -> Transaction:
    """Return a transaction in its initial state, with a fresh `state` and, if none is given, a fresh id."""
    return with_new_state(
        Transaction(
            id=transaction_id or identifiers.new_transaction_id(now),
            kind=flow.kind,
            tenant=tenant,
            definition=flow.definition,
            state=flow.initial,
            state_kind=StateKind.WAITING,
            version=0,
            browser=browser,
            state_digest=b"",
            inputs=inputs,
            secrets=secrets,
            user_id=user_id,
            created_at=now,
            changed_at=now,
        )
    )


def with_new_state(transaction: Transaction, **secrets: Secret) -> Transaction:
    """Give a transaction a fresh `state` parameter, and other secrets that go with it.

    Every time a browser is sent to the provider it is, so that an answer to an earlier time is nobody's.
    """
    state = Secret(identifiers.new_state(transaction.id))
    changes: dict[str, Any] = {
        "state_digest": identifiers.digest(state.reveal()),
        "secrets": {**transaction.secrets, "state": state, **secrets},
    }
    return transaction.evolve(**changes)
