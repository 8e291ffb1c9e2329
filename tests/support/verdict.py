"""After all that went wrong and after recovery: do the database and the tenant's ledger say the same?"""

from __future__ import annotations

from collections import Counter

from django.contrib.auth import get_user_model

from stateful_oauth.emulator import Tenant
from stateful_oauth.storage.grants import DjangoGrantStore
from stateful_oauth.storage.models import (
    AccountLink,
    ConnectedAccount,
    FlowTransaction,
    Grant,
    Identity,
)
from stateful_oauth.testing.world.living_tokens import (
    families_that_never_came,
    known_families,
    living_families,
)
from tests.support.rows import check_rows


def violations(tenant: Tenant) -> list[str]:
    """Return everything on which they do not agree, and every promise of the design that is broken."""
    return [
        *_rows(),
        *_codes(tenant),
        *_links(tenant),
        *_metadata(tenant),
        *_connected_accounts(tenant),
        *_grants(tenant),
        *_leaks(tenant),
        *_identities(tenant),
        *_users(),
    ]


def _rows() -> list[str]:
    found = []
    try:
        check_rows()
    except AssertionError as error:
        found.append(f"row: {error}")
    working = FlowTransaction.objects.exclude(state_kind="final").values_list("kind", "state", "code")
    found += [f"left open: {each}" for each in working]
    return found


def _codes(tenant: Tenant) -> list[str]:
    spent = Counter(entry.fields["code"] for entry in tenant.ledger.entries("code_exchanged"))
    found = [f"a code was exchanged {number} times" for number in spent.values() if number > 1]
    found += ["a code was sent again"] * tenant.ledger.count("code_reused")
    connected = Counter(entry.fields["code"] for entry in tenant.ledger.entries("connect_completed"))
    return found + [f"a connect_code was used {number} times" for number in connected.values() if number > 1]


def _links(tenant: Tenant) -> list[str]:
    there = {
        (user.user_id, f"{identity.provider}|{identity.user_id}")
        for user in tenant.people.users.values()
        for identity in user.identities[1:]
    }
    rows = AccountLink.objects.filter(unlinked_at__isnull=True)
    here = Counter(rows.values_list("primary_subject", "secondary_subject"))
    found = [f"linked at the tenant only: {pair}" for pair in there - set(here)]
    found += [f"linked here only: {pair}" for pair in set(here) - there]
    return found + [f"linked {number} times here: {pair}" for pair, number in here.items() if number > 1]


def _metadata(tenant: Tenant) -> list[str]:
    """The secondary's members arrive once, and the primary's own are never replaced."""
    found = []
    for link in AccountLink.objects.filter(unlinked_at__isnull=True, rule="verified_email"):
        metadata = tenant.users.get(link.primary_subject).user_metadata
        if metadata != {"colour": "red", "size": 42}:
            found.append(f"metadata of {link.primary_subject} is {metadata}")
    return found


def _connected_accounts(tenant: Tenant) -> list[str]:
    there = {(row.user_id, row.id) for row in tenant.vault}
    here = set(ConnectedAccount.objects.values_list("owner__subject", "remote_id"))
    found = [f"connected at the tenant only: {pair}" for pair in there - here]
    # Where nobody could identify an account, the id of before may wait for the next look at the list.
    ended = FlowTransaction.objects.filter(kind="connect_account", state="connected")
    unidentified = ended.exclude(code__in=("", "account_unidentified")).exclude(user=None).values("user")
    certain = set(
        ConnectedAccount.objects.exclude(owner__user__in=unidentified).values_list(
            "owner__subject", "remote_id"
        )
    )
    return found + [f"connected here only: {pair}" for pair in certain - there]


def _grants(tenant: Tenant) -> list[str]:
    found = ["a refresh token was reused"] * tenant.ledger.count("refresh_reused")
    found += ["a family was revoked"] * tenant.ledger.count("family_revoked", reason="refresh_reused")
    seen: Counter[str] = Counter()
    for key in Grant.objects.filter(ended_at__isnull=True).values_list("pk", flat=True):
        grant = DjangoGrantStore().load(str(key))
        if grant is None:
            found.append(f"grant {key} cannot be read")
            continue
        seen[grant.refresh_token.reveal()] += 1
        token = tenant.issued.refresh.get(grant.refresh_token.reveal())
        if token is None or token.family.revoked or token.family.user_id != grant.subject:
            found.append(f"grant {key} of {grant.subject} is none at the tenant")
    return found + ["a refresh token is in two grants" for number in seen.values() if number > 1]


def _leaks(tenant: Tenant) -> list[str]:
    """Families that the tenant honours and of which no grant holds a token, though their answer came."""
    left = living_families(tenant) - known_families(tenant) - families_that_never_came(tenant)
    living = tenant.issued.living(tenant.clock.now())
    return [f"a token of {family.user_id} is left alive" for family in living if family.id in left]


def _identities(tenant: Tenant) -> list[str]:
    gone = [
        subject
        for subject in Identity.objects.values_list("subject", flat=True)
        if subject not in tenant.people.users
    ]
    return [f"identity {subject} is nobody at the tenant" for subject in gone]


def _users() -> list[str]:
    """A user is made with its identity or not at all; one whose account was linked stays without."""
    known = set(Identity.objects.values_list("user_id", flat=True))
    linked = set(AccountLink.objects.values_list("secondary_user_id", flat=True))
    users = set(get_user_model()._base_manager.values_list("pk", flat=True))
    return [f"user {key} has no identity" for key in users - known - linked]
