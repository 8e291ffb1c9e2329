"""Which refresh-token families the tenant honours, which of them the database knows, and which never came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.db.models import Q

from stateful_oauth.flows.engine.identifiers import transaction_id_of
from stateful_oauth.flows.oauth.held_tokens import refresh_tokens_of
from stateful_oauth.storage.grants import DjangoGrantStore
from stateful_oauth.storage.models import FlowTransaction, Grant, StateKinds, TransitionRecord
from stateful_oauth.storage.rows import secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.emulator import Tenant


EXCHANGING: Final = ("exchanging_code", "verifying_primary")
LOST: Final = ("code_exchange_lost", "provider_answer_lost", "provider_answer_invalid")


def living_families(tenant: Tenant) -> set[str]:
    """Return the ids of the families that the tenant honours."""
    return {family.id for family in tenant.issued.living(tenant.clock.now())}


def known_families(tenant: Tenant) -> set[str]:
    """Return the ids of the families of which the database has a refresh token, in a grant or an open row."""
    issued = tenant.issued.refresh
    return {issued[token].family.id for token in _tokens() if token in issued}


def families_that_never_came(tenant: Tenant) -> set[str]:
    """Return the ids of the families of exchanges whose answer was lost, or whose worker died with it.

    Read from the log of the transactions. A code of no transaction that is here counts as well.
    """
    issuing = {
        code.family.id: transaction_id_of(code.ask.state or "")
        for code in tenant.issued.codes.values()
        if code.family is not None
    }
    keys = {key for key in issuing.values() if key is not None}
    known = set(FlowTransaction.objects.filter(pk__in=keys).values_list("pk", flat=True))
    was_lost = Q(code__in=LOST) | Q(event="abandon")
    lines = TransitionRecord.objects.filter(
        was_lost, transaction_id__in=keys, source__in=EXCHANGING, rejected=False
    )
    came = known - set(lines.values_list("transaction_id", flat=True))
    return {family for family, key in issuing.items() if key not in came}


def _tokens() -> Iterator[str]:
    store = DjangoGrantStore()
    for key in Grant.objects.filter(ended_at=None).values_list("pk", flat=True):
        grant = store.load(str(key))
        if grant is not None:
            yield grant.refresh_token.reveal()
    for row in FlowTransaction.objects.exclude(state_kind=StateKinds.FINAL):
        for token in refresh_tokens_of(secrets_of(row)):
            yield token.reveal()
