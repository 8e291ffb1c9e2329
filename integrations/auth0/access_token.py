"""The rules of an access token for an API of the site's own, one function and one error code each.

Two forms are known: the profile of RFC 9068 (`typ` is `at+jwt`), and Auth0's own dialect (`typ` is `JWT`, or
is missing; `azp` names the client). Both are signed with the provider's published keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.auth0.claim_types import is_of_organization, is_text, wrong_claim
from stateful_oauth.auth0.json_members import Members
from stateful_oauth.auth0.signature import token_type, verified_claims
from stateful_oauth.flows.engine.secret import names_only
from stateful_oauth.flows.oauth.errors import AccessTokenRejected, IdTokenRejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.auth0.algorithms import PublicKey
    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.flows.engine.secret import Secret

# RFC 9068 §4 takes both spellings (RFC 7515 §4.1.9 has the prefix left out).
_PROFILE_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
_TYPES: Final = _PROFILE_TYPES | {"jwt"}
# What only tokens of another kind have: ID tokens (OpenID Connect Core §2, §3.3.2.11), logout tokens.
_OF_OTHER_KINDS: Final = ("nonce", "at_hash", "c_hash", "events")
_TEXTS: Final = ("azp", "client_id", "jti", "scope", "org_id", "org_name", "acr", "gty")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedAccessToken:
    """An access token that passed every rule.

    Attributes:
        issuer: `iss`, byte-exact.
        subject: `sub`: a user, or the application itself (`is_machine`).
        client_id: The application that the token was issued to: `client_id`, or Auth0's `azp`; may be empty.
        audience: All values of `aud`.
        scopes: The names in `scope`.
        permissions: Auth0's `permissions` (RBAC); empty where the API does not add them.
        organization: The id of the Auth0 organization (`org_…`), or an empty string.
        issued_at: Aware, in UTC.
        expires_at: Aware, in UTC.
        auth_time: When the user authenticated, aware, or None.
        acr: How the user authenticated, or an empty string.
        claims: All claims. Its repr shows their names only.
    """

    issuer: str
    subject: str
    client_id: str
    audience: tuple[str, ...]
    scopes: frozenset[str]
    permissions: frozenset[str]
    organization: str
    issued_at: datetime
    expires_at: datetime
    auth_time: datetime | None = None
    acr: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"VerifiedAccessToken(claims={names_only(self.claims)})"

    @property
    def is_machine(self) -> bool:
        """Whether an application speaks for itself: the client-credentials grant (RFC 6749 §4.4)."""
        return self.claims.get("gty") == "client-credentials" or self.subject == self.client_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokenExpectation:
    """What the token has to say besides the rules that always hold.

    Attributes:
        audience: The API's identifier, byte-exact.
        scopes: Each must be in `scope`.
        permissions: Each must be in `permissions`.
        organization: An id (`org_…`) or a name; None for any, or none.
    """

    audience: str
    scopes: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    organization: str | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """A token whose signature is right, and what it is held against."""

    claims: Mapping[str, Any] = field(repr=False)
    config: Auth0Config
    expected: AccessTokenExpectation
    now: float
    is_profile: bool

    @property
    def audience(self) -> tuple[str, ...]:
        value = self.claims["aud"]
        return (value,) if isinstance(value, str) else tuple(value)

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.claims.get("scope", "").split())

    @property
    def permissions(self) -> frozenset[str]:
        return frozenset(self.claims.get("permissions", ()))


def verify_access_token(
    token: Secret,
    expected: AccessTokenExpectation,
    *,
    config: Auth0Config,
    key: Callable[[str | None], PublicKey],
    key_again: Callable[[str | None, PublicKey], PublicKey | None] | None = None,
    now: datetime,
) -> VerifiedAccessToken:
    """Check every rule, in a fixed order, and return what the token grants.

    Args:
        key: Finds the provider's key by its id.
        key_again: See `verified_claims`.
        now: Aware.

    Raises:
        AccessTokenRejected: A rule is broken; its code (`access_token_…`) says which.
        FlowError: The keys could not be read. Code: `keys_unavailable`.
    """
    try:
        claims = verified_claims(
            token,
            algorithm=config.access_token_signing_alg,
            key=key,
            key_again=key_again,
            types=_TYPES,
        )
    except IdTokenRejected as error:
        code = error.code.replace("id_token_", "access_token_", 1)
    else:
        case = _Case(claims, config, expected, now.timestamp(), token_type(token) in _PROFILE_TYPES)
        for rule in _RULES:
            rule(case)
        return _verified(case)
    raise AccessTokenRejected(code)


def _verified(case: _Case) -> VerifiedAccessToken:
    claims = case.claims
    return VerifiedAccessToken(
        issuer=claims["iss"],
        subject=claims["sub"],
        client_id=claims.get("client_id") or claims.get("azp") or "",
        audience=case.audience,
        scopes=case.scopes,
        permissions=case.permissions,
        organization=claims.get("org_id", ""),
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        auth_time=datetime.fromtimestamp(claims["auth_time"], UTC) if "auth_time" in claims else None,
        acr=claims.get("acr", ""),
        claims=claims,
    )


def _check_types(case: _Case) -> None:
    """Require the claims of RFC 9068 §2.2, and the types of those that we use."""
    claims = Members(case.claims)  # which does not show itself
    if wrong := wrong_claim(claims, texts=_TEXTS):
        raise AccessTokenRejected("access_token_claims", wrong)
    permissions = claims.get("permissions")
    if "permissions" in claims and not (isinstance(permissions, list) and all(map(is_text, permissions))):
        raise AccessTokenRejected("access_token_claims", "permissions")
    if case.is_profile and not (is_text(claims.get("client_id")) and is_text(claims.get("jti"))):
        raise AccessTokenRejected("access_token_claims", "client_id or jti")


def _check_kind(case: _Case) -> None:
    """Refuse ID tokens and logout tokens, which the same keys sign (RFC 8725 §3.12)."""
    if any(name in case.claims for name in _OF_OTHER_KINDS):
        raise AccessTokenRejected("access_token_kind")


def _check_issuer(case: _Case) -> None:
    """Byte for byte."""
    if case.claims["iss"] != case.config.issuer:
        raise AccessTokenRejected("access_token_issuer")


def _check_audience(case: _Case) -> None:
    """Require the API among those that the token is for; Auth0 adds `/userinfo` to many."""
    if case.expected.audience not in case.audience:
        raise AccessTokenRejected("access_token_audience")


def _check_expiry(case: _Case) -> None:
    if case.now >= case.claims["exp"] + case.config.leeway:
        raise AccessTokenRejected("access_token_expired")


def _check_issued_at(case: _Case) -> None:
    latest = case.now + case.config.leeway
    if case.claims["iat"] > latest or case.claims.get("nbf", 0) > latest:
        raise AccessTokenRejected("access_token_issued_at")


def _check_binding(case: _Case) -> None:
    """Refuse a token that is bound to a key: it is no bearer token (RFC 9449 §7.1, RFC 8705 §3)."""
    if "cnf" in case.claims:
        raise AccessTokenRejected("access_token_bound")


def _check_organization(case: _Case) -> None:
    """Require the organization that the view demands."""
    wanted = case.expected.organization
    if wanted is not None and not is_of_organization(Members(case.claims), wanted):
        raise AccessTokenRejected("access_token_organization")


def _check_scope(case: _Case) -> None:
    """Require everything that is asked for. Last, so that no token that is bad otherwise learns what is."""
    if not case.expected.scopes <= case.scopes or not case.expected.permissions <= case.permissions:
        raise AccessTokenRejected("access_token_scope")


_RULES: Final[tuple[Callable[[_Case], None], ...]] = (
    _check_types,
    _check_kind,
    _check_issuer,
    _check_audience,
    _check_expiry,
    _check_issued_at,
    _check_binding,
    _check_organization,
    _check_scope,
)
