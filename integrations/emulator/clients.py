"""Applications, APIs and the grants between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SigningAlg = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256"
]
OrganizationUsage = Literal["deny", "allow", "require"]

DEFAULT_GRANT_TYPES: tuple[str, ...] = ("authorization_code", "refresh_token", "client_credentials")


@dataclass
class Client:
    """An application of the tenant."""

    client_id: str
    client_secret: str | None = None
    """None for a public client, or for one that authenticates with ``public_keys``."""
    name: str = ""
    callbacks: Sequence[str] = ()
    """Allowed Callback URLs, compared exactly."""
    logout_urls: Sequence[str] = ()
    backchannel_logout_url: str | None = None
    """Where its logout tokens go: a server of the tenant sends them, see ``logout_tokens``."""
    grant_types: Sequence[str] = DEFAULT_GRANT_TYPES
    signing_alg: SigningAlg = "RS256"
    """Algorithm of its ID tokens; HS256 is keyed with the client secret."""
    rotation: bool = False
    """Refresh-token rotation, with reuse detection."""
    leeway: int = 0
    """Seconds in which the immediately previous refresh token still works."""
    refresh_token_ttl: int | None = None
    """Absolute lifetime in seconds; None takes the tenant's. Rotation does not extend it."""
    refresh_policies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Multi-resource refresh tokens: audience to the scopes that it may ask for."""
    public_keys: Sequence[str] = ()
    """PEM public keys for ``private_key_jwt``; when given, a secret is not accepted."""
    secret_assertions: bool = False
    """Whether it proves itself by ``client_secret_jwt``, and by nothing else."""
    connections: Sequence[str] | None = None
    """Names of the connections that are enabled for it; None means all."""
    organization_usage: OrganizationUsage = "allow"
    first_party: bool = True
    """Consent is skipped for first-party clients, unless the API requires it."""
    require_pkce: bool = False
    require_par: bool = False
    initiate_login_uri: str | None = None
    resource_server: str | None = None
    """Makes it a Custom API Client: the identifier of the API whose access tokens it exchanges."""

    @property
    def public(self) -> bool:
        """Whether it has nothing to authenticate with (RFC 6749 §2.1)."""
        return self.client_secret is None and not self.public_keys

    @property
    def title(self) -> str:
        """What people see."""
        return self.name or self.client_id

    def allows_connection(self, name: str) -> bool:
        """Whether people may sign in to it through the connection."""
        return self.connections is None or name in self.connections


@dataclass
class Api:
    """An API (resource server) of the tenant; its identifier is the audience."""

    identifier: str
    name: str = ""
    scopes: Sequence[str] = ()
    token_ttl: int | None = None
    """Lifetime of its access tokens in seconds; None takes the tenant's."""
    allow_offline_access: bool = True
    skip_consent: bool = True
    """"Allow skipping user consent" for first-party clients."""
    refreshable: bool = True
    """Whether a multi-resource refresh token may reach it; False for the Management API."""
    for_machines: bool = True
    """Whether clients may have tokens for themselves; False for the My Account API."""
    user_scopes: Sequence[str] | None = None
    """The scopes that tokens of users may have; None: all of them."""

    @property
    def scopes_of_users(self) -> Sequence[str]:
        """What may be asked for on behalf of a user."""
        return self.scopes if self.user_scopes is None else self.user_scopes


@dataclass
class ClientGrant:
    """What a client may ask of an API for itself (machine to machine)."""

    client_id: str
    audience: str
    scopes: Sequence[str] = ()
