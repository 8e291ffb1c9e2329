"""Identities: finding the Django user of a `sub`, and keeping the pair."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, router, transaction
from django.db.models import F, Max

from stateful_oauth.storage.models import ConnectedAccount, Identity, identity_digest
from stateful_oauth.storage.statements import Lookup

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.contrib.auth.models import AbstractBaseUser

    from stateful_oauth.flows.oauth.openid import VerifiedIdentity


def find_identity(identity: VerifiedIdentity, *, lock: bool = False) -> Identity | None:
    """Return the row of this issuer and subject with its user, in one statement, or None.

    Args:
        lock: Keep endings of the user's sessions out until the database transaction is over.
    """
    found: Identity | None = _identities(router.db_for_write(Identity), lock=lock).get(
        identity_digest(identity.issuer, identity.subject)
    )
    return found


def user_of_subject(issuer: str, subject: str, *, at: datetime) -> AbstractBaseUser | None:
    """Return the user of a `sub`, in one statement; None if there is none.

    Args:
        at: When the provider spoke of the `sub`, in whole seconds. None, too, if the user's sessions were
            ended after it.
    """
    lookup = _identities(router.db_for_write(Identity), lock=False)
    found: Identity | None = lookup.get(identity_digest(issuer, subject))
    if found is None:
        return None
    ended = found.sessions_ended_at
    if ended is not None and at < ended.replace(microsecond=0):
        return None
    user: AbstractBaseUser = found.user
    return user


def is_outdated(row: Identity, identity: VerifiedIdentity) -> bool:
    """Whether claims are from before the user's sessions were ended, or before the email was proved.

    Claims that agree with the proof do not count as older than it: of two sign-ins at the same time, the one
    that is settled last is as good as the other.
    """
    differs = (row.email, row.email_verified) != (*_contact(identity).values(),)
    if identity.standing == "" and (row.session_generation > 0 or (row.email_verified and differs)):
        return True  # kept before the identity was known: what is known was learned since
    at = identity.obtained_at
    if at is None:
        return False
    ended, proved = row.sessions_ended_at, row.proved_at
    return (ended is not None and at < ended) or (proved is not None and at < proved and differs)


def note_ending(user_id: Any, *, at: datetime, besides: int | None = None) -> None:
    """Note that a user's sessions have ended: older claims no longer sign the user in.

    Args:
        besides: The primary key of an identity that is left as it is.
    """
    rows = Identity.objects.using(router.db_for_write(Identity)).filter(user_id=user_id)
    if besides is not None:
        rows = rows.exclude(pk=besides)
    rows.update(sessions_ended_at=at, session_generation=F("session_generation") + 1)


def generations_of(user_id: Any) -> list[tuple[int, int]]:
    """Return primary key and generation of each identity of a user."""
    rows = Identity.objects.using(router.db_for_write(Identity)).filter(user_id=user_id)
    return list(rows.values_list("pk", "session_generation"))


def add_identity(
    identity: VerifiedIdentity, make_user: Callable[[], AbstractBaseUser], *, now: datetime
) -> Identity:
    """Make a user and its identity, or return the identity that another worker made at the same time.

    Both are made in one savepoint, so that the loser of a race leaves no user without an identity behind.
    """
    try:
        with transaction.atomic(using=router.db_for_write(Identity)):
            user: Any = make_user()
            contact = _contact(identity)
            others = Identity.objects.using(router.db_for_write(Identity)).filter(user=user)
            ended = others.aggregate(at=Max("sessions_ended_at"))["at"]
            return Identity.objects.create(
                digest=identity_digest(identity.issuer, identity.subject),
                issuer=identity.issuer,
                subject=identity.subject,
                user=user,
                created_at=now,
                contact_at=identity.obtained_at or now,
                proved_at=now if contact["email_verified"] else None,
                sessions_ended_at=ended,
                **contact,
            )
    except IntegrityError:
        found = find_identity(identity)
        if found is None:
            raise
        return found


def refresh_identity(row: Identity, identity: VerifiedIdentity, *, now: datetime) -> bool:
    """Update the displayed email. Writes nothing if it has not changed, or if the claims are older.

    An account that was connected under another email is no evidence for linking until it is connected again.

    Returns:
        Whether the user has proved for the first time to own the email. The account may have had another
        user until then.
    """
    contact = _contact(identity)
    if (row.email, row.email_verified) == (contact["email"], contact["email_verified"]):
        return False
    at = identity.obtained_at or now
    if row.contact_at is not None and at < row.contact_at:
        return False
    if row.email != contact["email"]:
        # An account that was connected under another email may have another owner (pre-hijacking).
        accounts = ConnectedAccount._default_manager.using(router.db_for_write(ConnectedAccount))  # noqa: SLF001 - public in Django
        accounts.filter(owner=row).update(owner_verified=False)
    row.email, row.email_verified = contact["email"], contact["email_verified"]
    row.contact_at, changed = at, ["email", "email_verified", "contact_at"]
    if row.email_verified:
        row.proved_at = now
        row.session_generation += 1
        changed += ["proved_at", "session_generation"]
    row.save(update_fields=changed)
    return row.email_verified


@cache
def _identities(alias: str, *, lock: bool) -> Lookup:
    return Lookup(Identity, key="digest", related="user", alias=alias, lock=lock)


def _contact(identity: VerifiedIdentity) -> dict[str, Any]:
    email = identity.claims.get("email")
    return {
        # For people to read; what cannot be read is not kept.
        "email": email[:320] if isinstance(email, str) and email.isprintable() else "",
        "email_verified": identity.claims.get("email_verified") is True,
    }
