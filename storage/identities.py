"""Identities: finding the Django user of a `sub`, and keeping the pair."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, router, transaction

from stateful_oauth.storage.models import ConnectedAccount, Identity, identity_digest
from stateful_oauth.storage.statements import Lookup

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.contrib.auth.models import AbstractBaseUser

    from stateful_oauth.flows.oauth.openid import VerifiedIdentity


def find_identity(identity: VerifiedIdentity) -> Identity | None:
    """Return the row of this issuer and subject with its user, in one statement, or None."""
    found: Identity | None = _identities(router.db_for_write(Identity)).get(
        identity_digest(identity.issuer, identity.subject)
    )
    return found


def add_identity(
    identity: VerifiedIdentity, make_user: Callable[[], AbstractBaseUser], *, now: datetime
) -> Identity:
    """Make a user and its identity, or return the identity that another worker made at the same time.

    Both are made in one savepoint, so that the loser of a race leaves no user without an identity behind.
    """
    try:
        with transaction.atomic(using=router.db_for_write(Identity)):
            user: Any = make_user()
            return Identity.objects.create(
                digest=identity_digest(identity.issuer, identity.subject),
                issuer=identity.issuer,
                subject=identity.subject,
                user=user,
                created_at=now,
                **_contact(identity),
            )
    except IntegrityError:
        found = find_identity(identity)
        if found is None:
            raise
        return found


def refresh_identity(row: Identity, identity: VerifiedIdentity) -> bool:
    """Keep the address that people see true. Writes nothing when it has not changed.

    What was connected under another address is no evidence for linking any more, until it is connected again.

    Returns:
        Whether somebody has proved to own the address who had not before: whoever used the account until
        then may be somebody else.
    """
    contact = _contact(identity)
    if (row.email, row.email_verified) == (contact["email"], contact["email_verified"]):
        return False
    if row.email != contact["email"]:
        # Whoever connected an account under another address may not be who has this one (pre-hijacking).
        accounts = ConnectedAccount._default_manager.using(router.db_for_write(ConnectedAccount))  # noqa: SLF001 - public in Django
        accounts.filter(owner=row).update(owner_verified=False)
    row.email, row.email_verified = contact["email"], contact["email_verified"]
    row.save(update_fields=["email", "email_verified"])
    return row.email_verified


@cache
def _identities(alias: str) -> Lookup:
    return Lookup(Identity, key="digest", related="user", alias=alias)


def _contact(identity: VerifiedIdentity) -> dict[str, Any]:
    email = identity.claims.get("email")
    return {
        # For people to read; what cannot be read is not kept.
        "email": email[:320] if isinstance(email, str) and email.isprintable() else "",
        "email_verified": identity.claims.get("email_verified") is True,
    }
