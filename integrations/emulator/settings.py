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
    backchannel_in_discovery: bool = False
    """Whether discovery has ``backchannel_logout_supported`` and ``…_session_supported``: by the plan."""
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
    profile_limit: int = 10_240
    """Bytes of JSON that both kinds of a user's metadata may have together."""
    numeric_identity_ids: bool = False
    """Show the ``user_id`` of an identity as a number where it is one, as old profiles do."""
    error_codes: bool = True
    """Whether refusals of the Management API carry ``errorCode``; Auth0 sometimes leaves it out."""

    unverifiable_callback_prompt: bool = False
    """Ask before the user goes to a loopback or custom-scheme callback, and refuse that with ``prompt=none``.
    Auth0's default since 2026-04-28; off here, where every callback of a demo or a test is on loopback."""
    user_grants: bool = False
    """Whether an API needs a client grant before users' tokens may be asked for."""
    canonical_domain: str = ""
    """Where the Management API is beside a custom domain, see ``Tenant.use_canonical_domain``: a token that
    was got at one host is worth nothing at the other. Empty: everything is at the issuer."""

    # What only a real tenant can tell: a switch for each reading (docs/auth0-contract.md §11).
    unlink_answer: Literal["identities", "not_found", "bad_request"] = "identities"
    """The answer to unlinking what is not linked: 200 with the array (recorded), a bare 404, or 400."""
    link_answer: Literal["conflict", "bad_request"] = "conflict"
    """The answer to linking what is linked already."""
    links_several_identities: bool = False
    """Whether a secondary that has linked identities itself can be linked, with all of them."""
    used_connect_code: int = 409
    """The status for a ``connect_code`` that was used."""
    expired_connect_session: int = 400
    """The status for an ``auth_session`` that is over."""
    unknown_connection: int = 400
    """The status for a connect request at a connection that is not there: 400 specified, 404 reported."""
    keeps_replaced_account: bool = False
    """Whether the old ``cac_`` id stays when the same account is connected again."""
    declined_connect_error: str = "access_denied"
    vault_blocked_error: str = "invalid_grant"
    """What Token Vault says for a blocked user: 403 ``invalid_grant``, or this with 401."""
    vault_rotation_error: str = "unauthorized_client"
    vault_mfa_error: str = "mfa_required"
    vault_login_hint_error: str = "user_not_found"
    denial_spends_refresh_token: bool = False
    """Whether a rotating refresh token is spent by the 500 of an Action that denies."""
    block_ends_refresh_tokens: bool = False
    """Whether the refresh tokens of a user who is blocked stay dead when the block is undone."""
    management_retry_after: bool = False
    """Whether the Management API's 429 says ``retry-after``."""
    par_required_text: str = "Pushed Authorization Request is required for this client"
    used_request_uri_text: str = "The request_uri is unknown, was used already, or is another client's"

    # What other OpenID Providers do differently.
    pkce_in_discovery: bool = True
    """Whether discovery has ``code_challenge_methods_supported``; S256 is verified in any case."""
    revocation_in_discovery: bool = True
    auth0_logout: bool = True
    """Whether ``/v2/logout`` is there."""
    logout_needs_id_token: bool = False
    """Whether ``/oidc/logout`` answers 400 without ``id_token_hint``."""
    logout_state: Literal["same", "none", "other"] = "same"
    """What ``/oidc/logout`` makes of ``state``."""
    profile_in_id_token: bool = True
    """Whether ID tokens have what the scopes profile and email give, or only UserInfo has it."""
    userinfo_signed: bool = False
    userinfo_overrides: dict[str, Any] = field(default_factory=dict)
    """Members to replace in UserInfo; the value None removes the member."""
    refresh_without_asking: bool = False
    """Whether a code buys a refresh token without ``offline_access`` in the scope."""
    assertion_audience: str = ""
    """What ``aud`` of a client assertion must be; empty for the issuer, which is Auth0's."""
    assertion_algs: tuple[str, ...] = ("RS256", "RS384", "PS256")
    """What an assertion of ``private_key_jwt`` may be signed with."""
    jwks_without: tuple[str, ...] = ()
    """Members that no key of the JWK set has, such as ``kid``, ``alg`` and ``use``."""
    discovery_overrides: dict[str, Any] = field(default_factory=dict)
    """Members to replace in the discovery document; the value None removes the member."""
