"""Connected accounts and account links: who is known here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models, router
from django.db.models import Q

from stateful_oauth.flows.oauth.accounts import AccountOwner
from stateful_oauth.storage.availability import database_answers
from stateful_oauth.storage.models import (
    AccountLink,
    ConnectedAccount,
    FlowTransaction,
    Identity,
    identity_digest,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from stateful_oauth.flows.oauth.accounts import RemoteAccount

Row = TypeVar("Row", bound=models.Model)


class DjangoAccountDirectory:
    """Implements `flows.engine.ports.AccountDirectory`.

    Every method raises `StoreUnavailable` when the database does not answer.
    """

    @database_answers()
    def owners_of(self, issuer: str, *, connection: str, provider_user_id: str) -> Sequence[AccountOwner]:
        """Return who connected this account, by the provider's own user id."""
        if not provider_user_id:
            return ()
        rows = _here(ConnectedAccount).filter(
            connection=connection, provider_user_id=provider_user_id, owner__issuer=issuer
        )
        return [
            AccountOwner(subject=subject, email=email, was_verified=verified)
            for subject, email, verified in rows.order_by("pk").values_list(
                "owner__subject", "owner__email", "owner_verified"
            )
        ]

    @database_answers()
    def connected(self, issuer: str, subject: str, *, connection: str) -> Mapping[str, str]:
        """Return what a user has connected at a connection: the provider's user ids, by id (`cac_…`)."""
        rows = accounts_of(issuer, subject).filter(connection=connection)
        return dict(rows.values_list("remote_id", "provider_user_id"))

    @database_answers()
    def user_of(self, issuer: str, subject: str) -> str | None:
        """Return the Django user of an identity, or None."""
        user_id = _identity(issuer, subject).values_list("user_id", flat=True).first()
        return None if user_id is None else str(user_id)

    @database_answers()
    def unlinked_from(self, issuer: str, subject: str, others: Collection[str]) -> Collection[str]:
        """Return those of the others that were linked to this one, or it to them, and no longer are."""
        ours, theirs = identity_digest(issuer, subject), [identity_digest(issuer, each) for each in others]
        rows = _here(AccountLink).filter(
            Q(primary_digest__in=theirs, secondary_digest=ours)
            | Q(primary_digest=ours, secondary_digest__in=theirs),
            unlinked_at__isnull=False,
        )
        pairs = rows.values_list("primary_subject", "secondary_subject")
        return {other for pair in pairs for other in pair if other != subject}

    @database_answers()
    def inactive(self, issuer: str, subjects: Collection[str]) -> Collection[str]:
        """Return those whose identity is known here, with a Django user who is not active."""
        digests = [identity_digest(issuer, subject) for subject in subjects]
        rows = _here(Identity).filter(digest__in=digests).select_related("user")
        return {row.subject for row in rows if not getattr(row.user, "is_active", True)}

    @database_answers()
    def is_linked(self, issuer: str, subject: str) -> bool:
        """Whether an account is part of another one by now."""
        digest = identity_digest(issuer, subject)
        return _here(AccountLink).filter(secondary_digest=digest, unlinked_at__isnull=True).exists()

    @database_answers()
    def linked_to(self, issuer: str, subject: str) -> str | None:
        """Return the `sub` of the primary that an account is part of, as far as this site knows, or None."""
        rows = _here(AccountLink).filter(
            secondary_digest=identity_digest(issuer, subject), unlinked_at__isnull=True
        )
        return rows.values_list("primary_subject", flat=True).first()


def accounts_of(issuer: str, subject: str) -> QuerySet[ConnectedAccount]:
    """Return a user's connected accounts, as they are kept here."""
    return _here(ConnectedAccount).filter(owner__digest=identity_digest(issuer, subject)).order_by("pk")


def links_of(issuer: str, subject: str) -> QuerySet[AccountLink]:
    """Return the links of a primary that last."""
    digest = identity_digest(issuer, subject)
    return _here(AccountLink).filter(primary_digest=digest, unlinked_at__isnull=True).order_by("pk")


def was_unlinked(issuer: str, subject: str, key: str) -> bool:
    """Whether a link of a primary was undone, by its number."""
    digest = identity_digest(issuer, subject)
    return _here(AccountLink).filter(primary_digest=digest, unlinked_at__isnull=False, pk=key).exists()


def was_disconnected(user_id: Any, account_id: str, *, since: datetime) -> bool:
    """Whether a user has disconnected an account lately, by its id (`cac_…`)."""
    ended = _here(FlowTransaction).filter(
        user=user_id, kind="disconnect_account", state="disconnected", changed_at__gte=since
    )
    return ended.filter(result__account=account_id).exists()


def keep_in_step(
    issuer: str, subject: str, *, tenant: str, before: Collection[str], listed: Sequence[RemoteAccount]
) -> None:
    """Drop the accounts that the provider does not list any more, and add those that are not known here.

    The provider is the truth: an account may have been disconnected elsewhere, or connected by a call whose
    answer was lost. The owner of an added account is not known, so it is evidence of nothing.

    Args:
        before: The ids that were kept before the list was asked for: what was connected since is in no list.
        listed: All of the user's accounts.
    """
    ids = {each.id for each in listed}
    if gone := set(before) - ids:
        accounts_of(issuer, subject).filter(remote_id__in=gone).delete()
    new = [each for each in listed if each.id not in before]
    owner = _identity(issuer, subject).first() if new else None
    if owner is None:
        return
    _here(ConnectedAccount).bulk_create(
        [
            ConnectedAccount(
                owner=owner,
                tenant=tenant,
                connection=each.connection,
                scopes=list(each.scopes),
                access_type=each.access_type,
                remote_id=each.id,
                connected_at=each.created_at,
                expires_at=each.expires_at,
            )
            for each in new
        ],
        ignore_conflicts=True,  # its own flow may have kept it meanwhile, and knows more
    )


def _identity(issuer: str, subject: str) -> QuerySet[Identity]:
    return _here(Identity).filter(digest=identity_digest(issuer, subject))


def _here(model: type[Row]) -> QuerySet[Row]:
    return model._default_manager.using(router.db_for_write(model))  # noqa: SLF001 - public in Django
