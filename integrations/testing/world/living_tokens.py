"""Which refresh-token families the tenant honours, and which of them the database knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.oauth.held_tokens import refresh_tokens_of
from stateful_oauth.storage.grants import DjangoGrantStore
from stateful_oauth.storage.models import FlowTransaction, Grant, StateKinds
from stateful_oauth.storage.rows import secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.emulator import Tenant


def living_families(tenant: Tenant) -> set[str]:
    """Return the ids of the families that the tenant honours."""
    return {family.id for family in tenant.issued.living(tenant.clock.now())}


def known_families(tenant: Tenant) -> set[str]:
    """Return the ids of the families of which the database has a refresh token, in a grant or an open row."""
    issued = tenant.issued.refresh
    return {issued[token].family.id for token in _tokens() if token in issued}


def _tokens() -> Iterator[str]:
    store = DjangoGrantStore()
    for key in Grant.objects.filter(ended_at=None).values_list("pk", flat=True):
        grant = store.load(str(key))
        if grant is not None:
            yield grant.refresh_token.reveal()
    for row in FlowTransaction.objects.exclude(state_kind=StateKinds.FINAL):
        for token in refresh_tokens_of(secrets_of(row)):
            yield token.reveal()
