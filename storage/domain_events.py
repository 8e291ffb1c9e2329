"""Handlers of domain events: they write a settled transition's other rows, in its database transaction."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Final

from django.db.models import Subquery

from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.oauth.domain_events import (
    AccountConnected,
    AccountDisconnected,
    AccountIdentified,
    AccountsLinked,
    AccountsUnlinked,
    GrantIssued,
    GrantReleased,
    LinkChecked,
    LinkFoundUndone,
)
from stateful_oauth.storage.grants import GrantOwner, seal_refresh_token
from stateful_oauth.storage.models import (
    AccountLink,
    ConnectedAccount,
    Grant,
    Identity,
    identity_digest,
)
from stateful_oauth.storage.releases import release
from stateful_oauth.storage.undone_links import close_undone_link

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.transaction import Transaction


# A user id begins with the strategy of its connection. That of a social connection is its name; connections
# that bear a name of a project's own have one of these.
_STRATEGIES: Final = ("oauth2", "oidc", "waad", "google-apps", "okta", "samlp", "adfs", "pingfederate", "ad")


@singledispatch
def handle_domain_event(event: DomainEvent, transaction: Transaction, *, using: str) -> None:
    """Write an event's rows. Register the handler of a new kind with `handle_domain_event.register`."""
    raise TypeError(
        f"{type(event).__name__} of {transaction.kind} has no handler that writes it to {using}: "
        "register one with handle_domain_event.register."
    )


@handle_domain_event.register(GrantIssued)
def _(event: GrantIssued, transaction: Transaction, *, using: str) -> None:
    digest = identity_digest(event.identity.issuer, event.identity.subject)
    # Found by the INSERT itself: each sign-in that keeps a token passes here.
    identity = Identity.objects.using(using).filter(digest=digest).values("pk")[:1]
    Grant.objects.using(using).create(
        id=event.id,
        identity_id=Subquery(identity),
        user_id=event.user_id,
        tenant=transaction.tenant,
        scope=event.scope,
        audience=event.audience,
        refresh_token=seal_refresh_token(
            event.refresh_token, GrantOwner(event.id, event.user_id, bytes(digest))
        ),
        created_at=transaction.changed_at,
    )


@handle_domain_event.register(GrantReleased)
def _(event: GrantReleased, transaction: Transaction, *, using: str) -> None:
    del using  # it goes where the transaction that let it go lies
    release(
        event.refresh_token,
        tenant=transaction.tenant,
        subject=event.subject,
        of=str(transaction.id),
        now=transaction.changed_at,
    )


@handle_domain_event.register(LinkChecked)
def _(event: LinkChecked, transaction: Transaction, *, using: str) -> None:
    del transaction
    _identities(using).filter(digest=identity_digest(event.issuer, event.subject)).update(link_checked=True)


@handle_domain_event.register(AccountConnected)
def _(event: AccountConnected, transaction: Transaction, *, using: str) -> None:
    """Keep the account.

    Raises:
        FlowError: `grant_dead`: its owner was linked to another account, or deleted, while it was connected.
            At the provider the account is gone with the owner.
    """
    owner = _identities(using).filter(digest=identity_digest(event.issuer, event.subject)).first()
    if owner is None:
        raise FlowError("grant_dead", "The user who connected the account does not exist any more.")
    account = event.account
    known = {
        "tenant": transaction.tenant,
        "connection": account.connection,
        "scopes": list(account.scopes),
        "access_type": account.access_type,
        "connected_at": account.created_at,
        "expires_at": account.expires_at,
        "owner_verified": owner.email_verified,
    }
    ConnectedAccount.objects.using(using).bulk_create(
        [ConnectedAccount(owner=owner, remote_id=account.id, **known)],
        update_conflicts=True,
        unique_fields=["owner", "remote_id"],
        update_fields=list(known),
    )


@handle_domain_event.register(AccountIdentified)
def _(event: AccountIdentified, transaction: Transaction, *, using: str) -> None:
    del transaction
    owner = identity_digest(event.issuer, event.subject)
    rows = ConnectedAccount.objects.using(using).filter(owner__digest=owner, connection=event.connection)
    # Of two tabs that are told the same, the second waits for what the first makes of it.
    kept = list(rows.select_for_update(of=("self",)).order_by("pk"))
    row = next((each for each in kept if each.remote_id == event.account_id), None)
    if row is None:
        return  # disconnected meanwhile
    known = next((each for each in kept if each.provider_user_id == event.user.id and each != row), None)
    if known is not None:
        # Connected once more: the row goes on under the id that the provider gave the account last.
        row.delete()
        if known.connected_at > row.connected_at:
            return
        row.pk = known.pk
    row.provider_user_id, row.email = event.user.id, event.user.email[:320]
    row.save(using=using, force_update=True)
    # The next sign-in with that account has to look for candidates again.
    digests = [
        identity_digest(event.issuer, f"{strategy}|{event.user.id}")
        for strategy in (event.connection, *_STRATEGIES)
    ]
    _identities(using).filter(digest__in=digests).update(link_checked=False)


@handle_domain_event.register(AccountDisconnected)
def _(event: AccountDisconnected, transaction: Transaction, *, using: str) -> None:
    del transaction
    owner = identity_digest(event.issuer, event.subject)
    rows = ConnectedAccount.objects.using(using).filter(owner__digest=owner, remote_id__in=event.account_ids)
    rows.delete()


@handle_domain_event.register(AccountsLinked)
def _(event: AccountsLinked, transaction: Transaction, *, using: str) -> None:
    """Keep the link, and nothing of the secondary: at the provider it does not exist any more.

    Its identity takes its grants and connected accounts along.
    """
    digest = identity_digest(event.issuer, event.secondary)
    secondary = _identities(using).filter(digest=digest)
    secondary_user = secondary.values_list("user_id", flat=True).first()
    primary_digest = identity_digest(event.issuer, event.primary)
    links = AccountLink.objects.using(using).filter(secondary_digest=digest, unlinked_at__isnull=True)
    # The provider says that it is the primary's now; a link that says otherwise was undone elsewhere.
    links.exclude(primary_digest=primary_digest).update(unlinked_at=transaction.changed_at)
    # Of several that find it out at once, say in two browsers, one keeps it.
    AccountLink.objects.using(using).get_or_create(
        primary_digest=primary_digest,
        secondary_digest=digest,
        unlinked_at=None,
        defaults={
            "primary_subject": event.primary,
            "secondary_subject": event.secondary,
            "secondary_user_id": secondary_user,
            "tenant": transaction.tenant,
            "connection": event.identity.connection,
            "provider": event.identity.provider,
            "provider_user_id": event.identity.user_id,
            "email": event.email[:320],
            "rule": event.rule,
            "evidence": dict(event.evidence),
            "transaction_id": transaction.id,
            "linked_at": transaction.changed_at,
        },
    )
    secondary.delete()


@handle_domain_event.register(AccountsUnlinked)
def _(event: AccountsUnlinked, transaction: Transaction, *, using: str) -> None:
    """Close the link, and give the identity back to the Django user that it had before, if it had one."""
    digest = identity_digest(event.issuer, event.secondary)
    links = AccountLink.objects.using(using).filter(secondary_digest=digest, unlinked_at__isnull=True)
    link = links.first()
    links.update(unlinked_at=transaction.changed_at)
    if link is not None and link.secondary_user_id is not None:
        _identities(using).get_or_create(
            digest=digest,
            defaults={
                "issuer": event.issuer,
                "subject": event.secondary,
                "user_id": link.secondary_user_id,
                "email": link.email,
                "link_checked": True,
                "created_at": transaction.changed_at,
                # Sign-ins from before the accounts were linked are outdated.
                "sessions_ended_at": transaction.changed_at,
            },
        )


@handle_domain_event.register(LinkFoundUndone)
def _(event: LinkFoundUndone, transaction: Transaction, *, using: str) -> None:
    close_undone_link(event.issuer, event.secondary, now=transaction.changed_at, using=using)


def _identities(using: str) -> QuerySet[Identity]:
    return Identity.objects.using(using).all()
