"""Writers of facts: what a settled step means beyond its own row, in the same database transaction."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.errors import FlowError
from stateful_oauth.flows.facts import (
    AccountConnected,
    AccountDisconnected,
    AccountIdentified,
    AccountsLinked,
    AccountsUnlinked,
    Fact,
    GrantIssued,
    LinkChecked,
)
from stateful_oauth.storage.grants import GrantOwner, seal_refresh_token
from stateful_oauth.storage.models import (
    AccountLink,
    ConnectedAccount,
    Grant,
    Identity,
    identity_digest,
)

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from stateful_oauth.flows.transaction import Transaction


# A user id begins with the strategy of its connection. That of a social connection is its name; connections
# that bear a name of a project's own have one of these.
_STRATEGIES: Final = ("oauth2", "oidc", "waad", "google-apps", "okta", "samlp", "adfs", "pingfederate", "ad")


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
        refresh_token=seal_refresh_token(
            fact.refresh_token, GrantOwner(fact.id, fact.user_id, bytes(identity.digest))
        ),
        created_at=transaction.changed_at,
    )


@write_fact.register(LinkChecked)
def _(fact: LinkChecked, transaction: Transaction, *, using: str) -> None:
    del transaction
    _identities(using).filter(digest=identity_digest(fact.issuer, fact.subject)).update(link_checked=True)


@write_fact.register(AccountConnected)
def _(fact: AccountConnected, transaction: Transaction, *, using: str) -> None:
    """Keep the account.

    Raises:
        FlowError: `grant_dead`: its owner was linked to another account, or deleted, while it was connected.
            At the provider the account is gone with the owner.
    """
    owner = _identities(using).filter(digest=identity_digest(fact.issuer, fact.subject)).first()
    if owner is None:
        raise FlowError("grant_dead", "The user who connected the account does not exist any more.")
    account = fact.account
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


@write_fact.register(AccountIdentified)
def _(fact: AccountIdentified, transaction: Transaction, *, using: str) -> None:
    del transaction
    owner = identity_digest(fact.issuer, fact.subject)
    rows = ConnectedAccount.objects.using(using).filter(owner__digest=owner, connection=fact.connection)
    # Of two tabs that are told the same, the second waits for what the first makes of it.
    kept = list(rows.select_for_update(of=("self",)).order_by("pk"))
    row = next((each for each in kept if each.remote_id == fact.account_id), None)
    if row is None:
        return  # disconnected meanwhile
    known = next((each for each in kept if each.provider_user_id == fact.user.id and each != row), None)
    if known is not None:
        # Connected once more: the row goes on under the id that the provider gave the account last.
        row.delete()
        if known.connected_at > row.connected_at:
            return
        row.pk = known.pk
    row.provider_user_id, row.email = fact.user.id, fact.user.email[:320]
    row.save(using=using, force_update=True)
    # Whoever signs in with that account from now on is to be asked about again.
    digests = [
        identity_digest(fact.issuer, f"{strategy}|{fact.user.id}")
        for strategy in (fact.connection, *_STRATEGIES)
    ]
    _identities(using).filter(digest__in=digests).update(link_checked=False)


@write_fact.register(AccountDisconnected)
def _(fact: AccountDisconnected, transaction: Transaction, *, using: str) -> None:
    del transaction
    owner = identity_digest(fact.issuer, fact.subject)
    rows = ConnectedAccount.objects.using(using).filter(owner__digest=owner, remote_id__in=fact.account_ids)
    rows.delete()


@write_fact.register(AccountsLinked)
def _(fact: AccountsLinked, transaction: Transaction, *, using: str) -> None:
    """Keep the link, and nothing of the secondary: at the provider it does not exist any more.

    Its identity takes its grants and connected accounts along.
    """
    digest = identity_digest(fact.issuer, fact.secondary)
    secondary = _identities(using).filter(digest=digest)
    secondary_user = secondary.values_list("user_id", flat=True).first()
    primary_digest = identity_digest(fact.issuer, fact.primary)
    links = AccountLink.objects.using(using).filter(secondary_digest=digest, unlinked_at__isnull=True)
    # The provider says that it is the primary's now; a link that says otherwise was undone elsewhere.
    links.exclude(primary_digest=primary_digest).update(unlinked_at=transaction.changed_at)
    # Of several that find it out at once, say in two browsers, one keeps it.
    AccountLink.objects.using(using).get_or_create(
        primary_digest=primary_digest,
        secondary_digest=digest,
        unlinked_at=None,
        defaults={
            "primary_subject": fact.primary,
            "secondary_subject": fact.secondary,
            "secondary_user_id": secondary_user,
            "tenant": transaction.tenant,
            "connection": fact.identity.connection,
            "provider": fact.identity.provider,
            "provider_user_id": fact.identity.user_id,
            "email": fact.email[:320],
            "rule": fact.rule,
            "evidence": dict(fact.evidence),
            "transaction_id": transaction.id,
            "linked_at": transaction.changed_at,
        },
    )
    secondary.delete()


@write_fact.register(AccountsUnlinked)
def _(fact: AccountsUnlinked, transaction: Transaction, *, using: str) -> None:
    """Close the link, and give the identity back to the Django user that it had before, if it had one."""
    digest = identity_digest(fact.issuer, fact.secondary)
    links = AccountLink.objects.using(using).filter(secondary_digest=digest, unlinked_at__isnull=True)
    link = links.first()
    links.update(unlinked_at=transaction.changed_at)
    if link is not None and link.secondary_user_id is not None:
        _identities(using).get_or_create(
            digest=digest,
            defaults={
                "issuer": fact.issuer,
                "subject": fact.secondary,
                "user_id": link.secondary_user_id,
                "email": link.email,
                "link_checked": True,
                "created_at": transaction.changed_at,
                # Sign-ins from before the accounts were one sign no one in.
                "sessions_ended_at": transaction.changed_at,
            },
        )


def _identities(using: str) -> QuerySet[Identity]:
    return Identity.objects.using(using).all()
