"""The switches of a tenant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass
class Settings:
    """Tenant switches; lifetimes are seconds. Defaults are Auth0's where they are known."""

    par: bool = False
    """Pushed Authorization Requests (an add-on at Auth0): the endpoint works and discovery names it."""
    require_pkce: bool = False
    """Refuse an authorization request without ``code_challenge``, from every client."""
    iss_on_callback: bool = False
    """Send RFC 9207 ``iss`` on callbacks, and announce it."""
    end_session_in_discovery: bool = True
    scope_in_reply: bool = True
    """Whether token replies carry ``scope``; Auth0 sometimes leaves it out."""
    code_reuse_revokes: bool = True
    """RFC 6749 §4.1.2: a second use of a code revokes what the first one issued."""
    revoke_deletes_grant: bool = False
    """Auth0's toggle "refresh token revocation deletes grant"; off for tenants since 2021-01-13."""
    organization_name_in_tokens: bool = False
    wrong_secret_error: Literal["access_denied", "invalid_client"] = "access_denied"  # noqa: S105 - an error code
    code_ttl: int = 600
    login_ttl: int = 3600
    logins_per_browser: int = 10
    par_ttl: int = 30
    id_token_ttl: int = 36_000
    access_token_ttl: int = 86_400
    refresh_token_ttl: int = 31_557_600
    session_ttl: int = 604_800
    session_idle_ttl: int = 259_200
    refresh_tokens_per_user: int = 200
    search_lag: int = 5
    """Seconds until ``GET /api/v2/users`` finds what changed; other reads are immediate."""
    rate_limits: bool = False
    """Enforce the limits of the Management and My Account APIs; the headers are there in any case."""
    requests_per_second: int = 2
    burst: int = 2
    connect_ttl: int = 300
    """Lifetime of a connect request, from its start to its completion."""
    vault_token_ttl: int = 3600
    """Lifetime of the providers' access tokens; Token Vault hands one out until it is over."""
    vault_idle_ttl: int = 31_557_600
    """Token Vault drops a refresh token that was not used for this long."""
    mfa_always: bool = False
    """The MFA policy "Always": Token Vault answers ``mfa_required``. Nothing else looks at it."""
    logout_urls: list[str] = field(default_factory=list)
    """The tenant's own Allowed Logout URLs, for a logout without ``client_id``."""
    discovery_overrides: dict[str, Any] = field(default_factory=dict)
    """Members to replace in the discovery document; the value None removes the member."""
