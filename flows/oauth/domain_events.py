"""The domain events of this package's flows: grants, connected accounts and account links.

`storage/domain_events.py` has the handler of each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from stateful_oauth.flows.engine.domain_events import DomainEvent

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping

    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.oauth.accounts import ProfileIdentity, ProviderUser, RemoteAccount
    from stateful_oauth.flows.oauth.openid import VerifiedIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantIssued(DomainEvent):
    """The provider issued a refresh token, the head of a new family.

    Attributes:
        id: The grant's id, so that the session can name it.
        scope: What was granted, separated by spaces.
        audience: The API that the access tokens are for, or an empty string.
    """

    about: ClassVar[str] = "grants"

    id: uuid.UUID
    identity: VerifiedIdentity
    user_id: str
    refresh_token: Secret
    scope: str
    audience: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantReleased(DomainEvent):
    """A refresh token that the provider issued is not held any more: it has to be revoked.

    Attributes:
        subject: The `sub` that it was issued to, or an empty string where no ID token said so.
    """

    about: ClassVar[str] = "grants"

    refresh_token: Secret
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChecked(DomainEvent):
    """Accounts that an identity might be linked to were looked for: later sign-ins need not."""

    about: ClassVar[str] = "account links"

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConnected(DomainEvent):
    """A user connected an account; who it is at the provider is not known yet.

    Attributes:
        subject: The owner's `sub`.
    """

    about: ClassVar[str] = "connected accounts"

    issuer: str
    subject: str
    account: RemoteAccount


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountIdentified(DomainEvent):
    """The provider said who a connected account is.

    An account that was connected before takes the new id; another one at the same connection stays.
    """

    about: ClassVar[str] = "connected accounts"

    issuer: str
    subject: str
    connection: str
    account_id: str
    user: ProviderUser


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDisconnected(DomainEvent):
    """Connected accounts are gone at the provider.

    Attributes:
        account_ids: The provider's ids (`cac_…`).
    """

    about: ClassVar[str] = "connected accounts"

    issuer: str
    subject: str
    account_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsLinked(DomainEvent):
    """Two Auth0 users are one: from now on everything speaks of the primary.

    Attributes:
        primary: The `sub` that stays.
        secondary: The `sub` that is gone.
        identity: The secondary's main identity.
        email: The secondary's, for people to read.
        rule: Which rule of the policy it was.
        evidence: What the decision stood on; JSON, nothing secret.
    """

    about: ClassVar[str] = "account links"

    issuer: str
    primary: str
    secondary: str
    identity: ProfileIdentity
    email: str = field(repr=False)
    rule: str
    evidence: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFoundUndone(DomainEvent):
    """A linked identity signed in by itself: the link was undone at the provider, not by this site."""

    about: ClassVar[str] = "account links"

    issuer: str
    secondary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsUnlinked(DomainEvent):
    """A linked identity is a user of its own again."""

    about: ClassVar[str] = "account links"

    issuer: str
    secondary: str
