"""The rows that are compared with the tenant, in pages: links first, then users, then grants."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.db import router
from django.db.models import Exists, OuterRef

from stateful_oauth.storage.availability import database_answers
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, Grant, Identity, TenantDifference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

PARTS: Final = ("links", "users", "grants")
PAGE: Final = 200  # rows


@dataclass(frozen=True, slots=True)
class KnownRow:
    """A link that lasts, a user, or a grant that lasts.

    Attributes:
        key: The part and the primary key, for example `users:7`.
        subject: The secondary's `sub`, or the user's own.
        asks_for: The `sub` of the user at Auth0 that tells; a grant's id.
        identity: Provider and provider user id that the primary of a link has to show; None otherwise.
        alias: The database that the row is in.
        email: A user's, as the last sign-in brought it.
        has_accounts: Whether the user has connected accounts here.
    """

    key: str
    issuer: str
    subject: str
    asks_for: str
    identity: tuple[str, str] | None
    alias: str
    email: str = field(default="", repr=False)
    has_accounts: bool = False


def known_rows(
    tenant: str, issuer: str, *, after: str = "", since: datetime | None = None, grants: bool = False
) -> Iterator[KnownRow]:
    """Read the rows of a tenant by primary key, a page at a time, so that a run can go on where one stopped.

    Args:
        after: The key of the last row that is left out, with all before it.
        since: Only rows that were made then or later, aware.
        grants: Whether grants are read as well.

    Raises:
        ValueError: `after` is no key.
        StoreUnavailable: The database does not answer.
    """
    part, last = _position(after)
    if part == "links":
        yield from _links(tenant, issuer, last, since)
    if part != "grants":
        yield from _users(issuer, last if part == "users" else 0, since)
    if grants:
        yield from _grants(tenant, issuer, last if part == "grants" else uuid.UUID(int=0), since)


def _position(after: str) -> tuple[str, Any]:
    part, _, key = after.partition(":")
    if not after:
        return "links", 0
    try:
        if part == "grants":
            return part, uuid.UUID(key)
        if part in PARTS and key.isascii() and key.isdigit() and len(key) < 19:
            return part, int(key)
    except ValueError:
        pass
    raise ValueError("--after takes what the last run printed, for example users:7.")


def _links(tenant: str, issuer: str, last: int, since: datetime | None) -> Iterator[KnownRow]:
    alias = router.db_for_write(AccountLink)
    rows = AccountLink.objects.using(alias).filter(tenant=tenant, unlinked_at__isnull=True)
    if since is not None:
        rows = rows.filter(linked_at__gte=since)
    columns = ("pk", "secondary_subject", "primary_subject", "provider", "provider_user_id")
    for pk, secondary, primary, provider, user_id in _pages(rows, columns, last):
        yield KnownRow(f"links:{pk}", issuer, secondary, primary, (provider, user_id), alias)


def _users(issuer: str, last: int, since: datetime | None) -> Iterator[KnownRow]:
    alias = router.db_for_write(Identity)
    connected = Exists(ConnectedAccount.objects.filter(owner=OuterRef("pk")))
    rows = Identity.objects.using(alias).filter(issuer=issuer).annotate(connected=connected)
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    for pk, subject, email, has_accounts in _pages(rows, ("pk", "subject", "email", "connected"), last):
        yield KnownRow(f"users:{pk}", issuer, subject, subject, None, alias, email, has_accounts)


def _grants(tenant: str, issuer: str, last: uuid.UUID, since: datetime | None) -> Iterator[KnownRow]:
    alias = router.db_for_write(Grant)
    rows = Grant.objects.using(alias).filter(tenant=tenant, identity__issuer=issuer, ended_at__isnull=True)
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    for pk, subject in _pages(rows, ("pk", "identity__subject"), last):
        yield KnownRow(f"grants:{pk}", issuer, subject, str(pk), None, alias)


def _pages(rows: Any, columns: tuple[str, ...], last: Any) -> Iterator[tuple[Any, ...]]:
    while page := _page(rows, columns, last):
        yield from page
        last = page[-1][0]


@database_answers()
def _page(rows: Any, columns: tuple[str, ...], last: Any) -> list[tuple[Any, ...]]:
    return list(rows.filter(pk__gt=last).order_by("pk").values_list(*columns)[:PAGE])


@database_answers()
def listed_keys(tenant: str) -> set[str]:
    """Return the keys of the rows that are on the operator's list."""
    rows = TenantDifference.objects.using(router.db_for_write(TenantDifference)).filter(tenant=tenant)
    return set(rows.values_list("key", flat=True))


@database_answers()
def list_difference(tenant: str, row: KnownRow, what: str, *, now: datetime, linked_to: str = "") -> None:
    """Put a row on the operator's list, or take it off.

    Args:
        what: What differs still, or an empty string.
        linked_to: The `sub` of the user at the provider that the row's account is part of by now, if known.
        now: Aware.
    """
    rows = TenantDifference.objects.using(router.db_for_write(TenantDifference))
    if what:
        rows.update_or_create(
            tenant=tenant,
            key=row.key,
            defaults={"what": what, "subject": row.subject, "linked_to": linked_to, "found_at": now},
        )
    else:
        rows.filter(tenant=tenant, key=row.key).delete()


@database_answers()
def drop_earlier_differences(tenant: str, *, before: datetime) -> None:
    """Take off the operator's list what a whole comparison did not find again: its row may be gone."""
    rows = TenantDifference.objects.using(router.db_for_write(TenantDifference))
    rows.filter(tenant=tenant, found_at__lt=before).delete()
