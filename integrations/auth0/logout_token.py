"""The rules of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4 and §2.6), one function each."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.auth0.json_members import Members
from stateful_oauth.auth0.signature import verified_claims
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.oauth.errors import IdTokenRejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.auth0.algorithms import PublicKey
    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.flows.engine.secret import Secret

MAX_LOGOUT_TOKEN: Final = 16_384  # characters; a logout token has no claims about the user
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"

_TYPES: Final = frozenset({"logout+jwt", "jwt"})  # what the specification says, and what Auth0 sends
_LONGEST: Final = 255  # characters, as the registry of sessions keeps them
_LONGEST_LIFE: Final = 900  # seconds; two minutes are recommended
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999: `datetime` knows no later one


class LogoutTokenRejected(FlowError):
    """A logout token broke a rule: it changes nothing. Codes: `logout_token_…`, for logs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutNotice:
    """What a valid logout token says.

    Attributes:
        issuer: The provider.
        subject: The user's `sub`, or an empty string if the token names a session alone.
        sid: The session at the provider, or an empty string: then all sessions of the user are meant.
        jti: The token's own id.
        issued_at: Aware.
        expires_at: Aware.
    """

    issuer: str
    subject: str
    sid: str
    jti: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class _Case:
    """A token whose signature is right, and what it is held against."""

    claims: Mapping[str, Any] = field(repr=False)
    config: Auth0Config
    now: float


def verify_logout_token(
    token: Secret,
    *,
    config: Auth0Config,
    key: Callable[[str | None], PublicKey | bytes],
    key_again: Callable[[str | None, PublicKey], PublicKey | None] | None = None,
    now: datetime,
) -> LogoutNotice:
    """Check every rule, in a fixed order, and return what the token says.

    Args:
        key: Finds the provider's key by its id.
        key_again: Finds the key that has taken the place of one whose signature is wrong, or None.
        now: Aware.

    Raises:
        LogoutTokenRejected: A rule is broken; its code says which.
        FlowError: The keys could not be read. Code: `keys_unavailable`.
    """
    if len(token.reveal()) > MAX_LOGOUT_TOKEN:
        raise LogoutTokenRejected("logout_token_too_large")
    case = _Case(_signed_claims(token, config, key, key_again), config, now.timestamp())
    for rule in _RULES:
        rule(case)
    claims = case.claims
    return LogoutNotice(
        issuer=claims["iss"],
        subject=claims.get("sub", ""),
        sid=claims.get("sid", ""),
        jti=claims["jti"],
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )


def _signed_claims(
    token: Secret,
    config: Auth0Config,
    key: Callable[[str | None], PublicKey | bytes],
    key_again: Callable[[str | None, PublicKey], PublicKey | None] | None,
) -> Mapping[str, Any]:
    """Return the claims, signed with the algorithm of ID tokens (OpenID Connect Back-Channel Logout §2.6)."""
    try:
        return verified_claims(
            token, algorithm=config.id_token_signing_alg, key=key, key_again=key_again, types=_TYPES
        )
    except IdTokenRejected as error:
        code = error.code.replace("id_token_", "logout_token_", 1)
    raise LogoutTokenRejected(code)


def _check_issuer(case: _Case) -> None:
    """Byte for byte, as of an ID token."""
    if case.claims.get("iss") != case.config.issuer:
        raise LogoutTokenRejected("logout_token_issuer")


def _check_audience(case: _Case) -> None:
    """For this client, and otherwise only for trusted audiences."""
    value = case.claims.get("aud")
    audience = [value] if isinstance(value, str) else value
    if not isinstance(audience, list) or not all(isinstance(each, str) for each in audience):
        raise LogoutTokenRejected("logout_token_audience")
    if case.config.client_id not in audience:
        raise LogoutTokenRejected("logout_token_audience")
    if not set(audience) <= {case.config.client_id, *case.config.trusted_audiences}:
        raise LogoutTokenRejected("logout_token_audience")


def _check_moments(case: _Case) -> None:
    """`iat` and `exp` are required; issued just now, for a short time, and not over."""
    issued, expires = (_moment(case.claims, name) for name in ("iat", "exp"))
    latest = case.now + case.config.leeway
    if issued > latest or _moment(case.claims, "nbf", issued) > latest:
        raise LogoutTokenRejected("logout_token_issued_at")
    if case.now >= expires + case.config.leeway:
        raise LogoutTokenRejected("logout_token_expired")
    if expires <= issued or expires - issued > _LONGEST_LIFE:
        raise LogoutTokenRejected("logout_token_expiry")


def _check_events(case: _Case) -> None:
    """Look for the member that says that this is a logout token; its value is an object."""
    events = case.claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise LogoutTokenRejected("logout_token_events")


def _check_nonce(case: _Case) -> None:
    """None, whatever its value, so that no ID token passes for a logout token."""
    if "nonce" in case.claims:
        raise LogoutTokenRejected("logout_token_nonce")


def _check_subject(case: _Case) -> None:
    """At least one of `sub` and `sid`."""
    for name in ("sub", "sid"):
        if name in case.claims and not _is_name(case.claims[name]):
            raise LogoutTokenRejected("logout_token_subject")
    if "sub" not in case.claims and "sid" not in case.claims:
        raise LogoutTokenRejected("logout_token_subject")


def _check_id(case: _Case) -> None:
    """Require `jti`; whether it was used before is the database's question."""
    if not _is_name(case.claims.get("jti")):
        raise LogoutTokenRejected("logout_token_jti")


_RULES: Final[tuple[Callable[[_Case], None], ...]] = (
    _check_issuer,
    _check_audience,
    _check_moments,
    _check_events,
    _check_nonce,
    _check_subject,
    _check_id,
)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def _moment(claims: Mapping[str, Any], name: str, default: float | None = None) -> float:
    value = Members(claims).get(name)  # which does not show itself
    if value is None and default is not None:
        return default
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= _LAST_SECOND:
        raise LogoutTokenRejected("logout_token_moments")
    return float(value)
