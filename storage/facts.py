"""Writers of facts: what a settled step means beyond its own row, in the same database transaction."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from stateful_oauth.flows.facts import Fact, GrantIssued
from stateful_oauth.storage import encryption
from stateful_oauth.storage.models import Grant, Identity, identity_digest

if TYPE_CHECKING:
    from stateful_oauth.flows.transaction import Transaction


@singledispatch
def write_fact(fact: Fact, transaction: Transaction, *, using: str) -> None:
    """Write a fact. A new kind of fact registers its writer with `write_fact.register`."""
    raise TypeError(
        f"Nobody writes {type(fact).__name__} of {transaction.kind} to {using}: "
        "register a writer with write_fact.register."
    )


@write_fact.register(GrantIssued)
def _(fact: GrantIssued, transaction: Transaction, *, using: str) -> None:
    identity = Identity.objects.using(using).get(
        digest=identity_digest(fact.identity.issuer, fact.identity.subject)
    )
    Grant.objects.using(using).create(
        id=fact.id,
        identity=identity,
        user_id=fact.user_id,
        tenant=transaction.tenant,
        scope=fact.scope,
        audience=fact.audience,
        refresh_token=encryption.seal(fact.refresh_token.reveal().encode(), place=f"grant:{fact.id}"),
        created_at=transaction.changed_at,
    )
