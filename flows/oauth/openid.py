"""What a flow and an OpenID Provider say to each other, as values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine.secret import names_only

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """An authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1).

    Attributes:
        parameters: Everything that the flow does not own: `audience`, `connection`, `prompt`, `max_age`,
            `organization` and so on.
    """

    redirect_uri: str
    scope: str
    state: Secret
    nonce: Secret
    code_challenge: str
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedAuthorizationResponse:
    """The provider took the request (RFC 9126 §2.2).

    Attributes:
        request_uri: The single-use reference.
        expires_in: Seconds.
    """

    request_uri: Secret
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokenClaims:
    """What an access token says of itself, read and not verified: it only tells what was narrowed away.

    Attributes:
        audience: `aud`, or None where it does not say.
        scope: The names in `scope` (RFC 9068 §2.2.3), or None where it does not say.
        permissions: Auth0's `permissions`, or None where it does not say.
        is_opaque: Whether it is no token for an API: no JWT, and none that is encrypted for one.
    """

    audience: tuple[str, ...] | None = None
    scope: frozenset[str] | None = None
    permissions: frozenset[str] | None = None
    is_opaque: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenResponse:
    """A successful answer of the token endpoint (RFC 6749 §5.1).

    Attributes:
        scope: What was granted, or None when the provider left it out, which means "as asked".
        expires_in: Seconds, or None.
        claims: What the access token says of itself.
    """

    access_token: Secret
    id_token: Secret | None = None
    refresh_token: Secret | None = None
    scope: str | None = None
    expires_in: int | None = None
    claims: AccessTokenClaims = AccessTokenClaims()


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenExpectation:
    """What the ID token has to say besides the rules that always hold.

    Attributes:
        nonce: The one that was sent.
        access_token: For `at_hash`.
        max_age: Seconds, when the request asked for it.
        acr_values: The classes of which one was asked for.
        organization: The Auth0 organization asked for: an id (`org_…`) or a name.
        subject: The `sub` that must come back, when the user is known already.
        asked_at: When the browser was sent to the provider, by our clock, where the user has to have
            authenticated since; aware.
        exchanged_at: When the code was about to be exchanged, by our clock: with `iat` it tells how far the
            provider's clock is off. Goes with `asked_at`.
    """

    nonce: Secret
    access_token: Secret | None = None
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    organization: str | None = None
    subject: str | None = None
    asked_at: datetime | None = None
    exchanged_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedIdentity:
    """Who the provider says is there: the claims of an ID token that passed every rule.

    Attributes:
        issuer: `iss`, byte-exact.
        subject: `sub`, byte-exact.
        claims: All claims. Its repr shows their names only: they are personal, and a repr reaches logs.
        came_with: The claims of the ID token that the user signed in with, where that token speaks of an
            account which was just linked to this one; empty otherwise. They tell how the user signed in, and
            say nothing about this account: take no name and no role from them.
        obtained_at: When the claims were asked for, aware and on our clock; None for now.
        standing: Of a sign-in that was kept for a later decision: how it stood with the user's sessions when
            it was kept (`Caller.standing_of`). None for one that was not kept.
        tenant: The alias of the tenant whose sign-in it is, in the settings; an empty string for an identity
            that no sign-in brought.
    """

    issuer: str
    subject: str
    claims: Mapping[str, Any]
    came_with: Mapping[str, Any] = field(default_factory=dict)
    obtained_at: datetime | None = None
    standing: str | None = None
    tenant: str = ""

    @property
    def with_all_claims(self) -> VerifiedIdentity:
        """The same with everything that is known, for the decision whether the user may sign in."""
        if not self.came_with:
            return self
        known = {**self.came_with, **self.claims, "sub": self.subject}
        return replace(self, claims=known, came_with={})

    def __repr__(self) -> str:
        return f"VerifiedIdentity(claims={names_only(self.claims)})"

    @property
    def authentication(self) -> dict[str, Any]:
        """How and when the user authenticated: `auth_time`, `acr` and `amr`, if the provider sent them.

        OpenID Connect Core §2. What is not of the form that it has there is left out.
        """
        known = {**self.came_with, **self.claims}
        moment, acr, amr = known.get("auth_time"), known.get("acr"), known.get("amr")
        found: dict[str, Any] = {}
        if isinstance(moment, (int, float)) and not isinstance(moment, bool):
            found["auth_time"] = int(moment)
        if isinstance(acr, str) and acr:
            found["acr"] = acr
        if isinstance(amr, list) and amr and all(isinstance(each, str) for each in amr):
            found["amr"] = amr
        return found

    @property
    def organization(self) -> str:
        """The id of the Auth0 organization (`org_id`) at which the user signed in, or an empty string."""
        found = {**self.came_with, **self.claims}.get("org_id")
        return found if isinstance(found, str) else ""

    @property
    def sid(self) -> str:
        """The provider's session id (OpenID Connect Back-Channel Logout §2.1), or an empty string."""
        sid = self.claims.get("sid", "")
        return sid if isinstance(sid, str) else ""
