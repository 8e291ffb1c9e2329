"""What the My Account and Management APIs say about accounts, as values.

My Account API: connected accounts of the signed-in user. Management API: users of the tenant, and the
identities that are linked to them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectRequest:
    """What a connected account is asked for with (My Account API, `POST /connected-accounts/connect`).

    Attributes:
        connection: The connection's name, 1 to 128 characters.
        scopes: What the provider behind the connection is asked for; empty leaves it to the dashboard.
        authorization_params: `acr_values`, `audience`, `display`, `id_token_hint`, `login_hint`, `max_age`,
            `prompt`, `resource` or `ui_locales`.
    """

    connection: str
    redirect_uri: str
    state: Secret
    code_challenge: str
    scopes: tuple[str, ...] = ()
    authorization_params: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectSession:
    """The provider took the connect request.

    Attributes:
        auth_session: What the completion has to name.
        connect_uri: Where the browser goes, with its ticket in the query.
        expires_in: Seconds.
    """

    auth_session: Secret
    connect_uri: Secret
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAccount:
    """A connected account as Auth0 lists it.

    Attributes:
        id: `cac_…`; a new one whenever the account is connected again.
        connection: The connection's name.
        access_type: `offline`, as far as is known.
        scopes: What the provider granted.
        created_at: Aware.
        expires_at: Aware, or None.
    """

    id: str
    connection: str
    access_type: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOwner:
    """Who connected an account, as we keep it.

    Attributes:
        subject: The owner's `sub`.
        email: The owner's own email, as it was at their last sign-in here.
        was_verified: Whether that email was theirs, and verified, when they connected the account. If not,
            an attacker may have planted the account before the email's owner took over (pre-hijacking,
            "Trojan identifier").
    """

    subject: str
    email: str = field(repr=False)
    was_verified: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionInfo:
    """A connection at which accounts can be connected.

    Attributes:
        strategy: For example `google-oauth2`.
        scopes: What the dashboard asks for.
    """

    name: str
    strategy: str
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderToken:
    """An access token of the identity provider behind a connection, from Token Vault.

    Attributes:
        scope: What was granted, separated by spaces, or an empty string if the provider did not say.
        expires_at: Aware, or None if the provider did not say.
    """

    value: Secret
    scope: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderUser:
    """Who the identity provider says an access token of its own belongs to.

    Attributes:
        id: The provider's user id, without Auth0's prefix: what `identities[].user_id` shows.
        email: For people to read, or an empty string.
    """

    id: str
    email: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileIdentity:
    """One of the identities of an Auth0 user.

    Attributes:
        connection: The connection's name.
        provider: The strategy: the part of a user id before `|`.
        user_id: Without that prefix.
        is_social: As the Management API says.
    """

    connection: str
    provider: str
    user_id: str
    is_social: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserProfile:
    """An Auth0 user as the Management API shows it (`GET /api/v2/users/{id}`).

    Attributes:
        user_id: With the prefix: the `sub` of its ID tokens.
        email: To the letter, or an empty string.
        identities: The main one first.
        created_at: Aware, or None when the provider does not say.
        user_metadata: First-level members; empty when never set. None stands for one that cannot be relied
            on, like a number that is not finite: it is there, and is neither copied nor replaced.
        app_metadata: The same.
    """

    user_id: str
    email: str = field(default="", repr=False)
    email_verified: bool = False
    name: str = field(default="", repr=False)
    blocked: bool = False
    identities: tuple[ProfileIdentity, ...] = ()
    created_at: datetime | None = None
    user_metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    app_metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def main(self) -> ProfileIdentity | None:
        """The identity that gave the user its id."""
        return self.identities[0] if self.identities else None

    def has(self, identity: ProfileIdentity) -> bool:
        """Whether an identity is one of the user's, by provider and provider user id, byte-exact."""
        wanted = (identity.provider, identity.user_id)
        return any((each.provider, each.user_id) == wanted for each in self.identities)
