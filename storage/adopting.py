"""Identities for users who were there before the package came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import router, transaction

from stateful_oauth.storage.models import AccountLink, Identity, identity_digest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime


def owners_of(issuer: str, subjects: Collection[str]) -> dict[str, Any]:
    """Return whose the subjects are already: the user's primary key by subject."""
    digests = {identity_digest(issuer, subject): subject for subject in subjects}
    rows = Identity.objects.using(router.db_for_write(Identity)).filter(digest__in=[*digests])
    return {digests[bytes(digest)]: owner for digest, owner in rows.values_list("digest", "user_id")}


def linked_subjects(issuer: str, subjects: Collection[str]) -> set[str]:
    """Return the subjects that are part of another account: at the provider they do not exist any more."""
    digests = {identity_digest(issuer, subject): subject for subject in subjects}
    links = AccountLink.objects.using(router.db_for_write(AccountLink)).filter(unlinked_at__isnull=True)
    found = links.filter(secondary_digest__in=[*digests]).values_list("secondary_digest", flat=True)
    return {digests[bytes(digest)] for digest in found}


def existing_users(keys: Collection[Any]) -> set[Any]:
    """Return which users there are, by primary key."""
    model: Any = get_user_model()
    people = model._base_manager.using(router.db_for_write(model))  # noqa: SLF001 - public in Django
    return set(people.filter(pk__in=[*keys]).values_list("pk", flat=True))


def add_identities(issuer: str, owners: Mapping[str, Any], *, now: datetime) -> None:
    """Make identities: the user's primary key by subject. One that is there already stays as it is.

    The email is unknown until the user signs in, and so nothing is proved by these rows but who the user is.
    """
    with transaction.atomic(using=router.db_for_write(Identity)):
        Identity.objects.using(router.db_for_write(Identity)).bulk_create(
            [
                Identity(
                    digest=identity_digest(issuer, subject),
                    issuer=issuer,
                    subject=subject,
                    user_id=owner,
                    created_at=now,
                )
                for subject, owner in owners.items()
            ],
            ignore_conflicts=True,
        )
