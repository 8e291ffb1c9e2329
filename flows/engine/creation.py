"""How a transaction begins, as a row of its own or as the child of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.transaction import Json, StateKind, Transaction
from stateful_oauth.flows.engine.transition import with_new_state

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.engine.transition import ChildTransaction


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


def child_transaction(
    flow: FlowDefinition, child: ChildTransaction, parent: Transaction, *, now: datetime
) -> Transaction:
    """Return the transaction that another one opens: of the same tenant and browser."""
    return new_transaction(
        flow,
        tenant=parent.tenant,
        browser=parent.browser,
        now=now,
        inputs=child.inputs.to_json(),
        secrets=child.secrets,
        user_id=child.user_id,
        transaction_id=child.id,
    )
