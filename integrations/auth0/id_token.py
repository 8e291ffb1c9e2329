"""The rules of an ID token (OpenID Connect Core §3.1.3.7), one function and one error code each.

The numbers T1 to T19 are those of docs/security-checklist.md. T16 (the `sub` of UserInfo) is checked in
`userinfo`, where the settings ask for UserInfo at all. T17 is about refreshing.
"""

from __future__ import annotations

import base64
import hmac
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.auth0.algorithms import ALGORITHMS
from stateful_oauth.auth0.claim_types import is_of_organization, is_session_id, wrong_claim
from stateful_oauth.auth0.json_members import Members
from stateful_oauth.auth0.signature import verified_claims
from stateful_oauth.flows.engine.errors import Mismatch
from stateful_oauth.flows.oauth.errors import IdTokenRejected
from stateful_oauth.flows.oauth.openid import VerifiedIdentity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from stateful_oauth.auth0.algorithms import PublicKey
    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.oauth.openid import IdTokenExpectation

_MOMENTS: Final = ("exp", "iat", "nbf", "auth_time")
_OPTIONAL_TEXTS: Final = ("azp", "nonce", "acr", "at_hash", "sid", "org_id", "org_name")
_OPTIONAL: Final = ("nbf", "auth_time", *_OPTIONAL_TEXTS)
_DIGITS: Final = re.compile("[0-9]{1,12}")
_FLAGS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class _Case:
    """A token whose signature is right, and what it is held against."""

    claims: Mapping[str, Any] = field(repr=False)
    config: Auth0Config
    expected: IdTokenExpectation
    now: float

    @property
    def audience(self) -> list[str]:
        value = self.claims["aud"]
        return [value] if isinstance(value, str) else value


def verify_id_token(
    token: Secret,
    expected: IdTokenExpectation,
    *,
    config: Auth0Config,
    key: Callable[[str | None], PublicKey | bytes],
    key_again: Callable[[str | None, PublicKey], PublicKey | None] | None = None,
    now: datetime,
) -> VerifiedIdentity:
    """Check every rule, in a fixed order, and return who the token is about.

    Args:
        key: Finds the provider's key by its id.
        key_again: See `verified_claims`.
        now: Aware.

    Raises:
        Mismatch: The nonce, organization or subject is not the one asked for.
        IdTokenRejected: Any other rule is broken; its code says which.
        FlowError: The keys could not be read. Code: `keys_unavailable`.
    """
    # T1, T6, T7, T8: encrypted, not signed, or signed with something else than configured.
    case = _Case(
        certain_claims(
            verified_claims(token, algorithm=config.id_token_signing_alg, key=key, key_again=key_again)
        ),
        config,
        expected,
        now.timestamp(),
    )
    for rule in _RULES:
        rule(case)
    return VerifiedIdentity(issuer=case.claims["iss"], subject=case.claims["sub"], claims=case.claims)


def certain_claims(claims: dict[str, Any]) -> dict[str, Any]:
    """Return claims with the types that OpenID Connect Core gives them, where the meaning is certain.

    Custom databases, SAML connections and other providers send `email_verified` and moments as texts, and
    null for a claim that is not there, which OpenID Connect Core §5.3.2 says to leave out.
    """
    for name in _OPTIONAL:
        if name in claims and claims[name] is None:
            del claims[name]
    for name in _MOMENTS:
        value = claims.get(name)
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            claims[name] = int(value)
    value = claims.get("email_verified")
    if isinstance(value, str) and value.lower() in _FLAGS:
        claims["email_verified"] = _FLAGS[value.lower()]
    return claims


def _check_types(case: _Case) -> None:
    """T14, T19: the required claims are there, and those that we use have their types."""
    claims = Members(case.claims)  # which does not show itself
    if wrong := wrong_claim(claims, texts=_OPTIONAL_TEXTS):
        raise IdTokenRejected("id_token_claims", wrong)
    if "sid" in claims and not is_session_id(claims.get("sid")):
        raise IdTokenRejected("id_token_claims", "sid")


def _check_issuer(case: _Case) -> None:
    """T2: byte for byte."""
    if case.claims["iss"] != case.config.issuer:
        raise IdTokenRejected("id_token_issuer")


def _check_audience(case: _Case) -> None:
    """T3, T8: for this client, and otherwise only for trusted audiences; with HS256 for this client alone."""
    audience = case.audience
    if case.config.client_id not in audience:
        raise IdTokenRejected("id_token_audience")
    if not set(audience) <= {case.config.client_id, *case.config.trusted_audiences}:
        raise IdTokenRejected("id_token_audience", "It is also for an audience that is not trusted.")
    if case.config.id_token_signing_alg == "HS256" and len(audience) > 1:  # noqa: S105 - not a password
        raise IdTokenRejected("id_token_audience", "HS256 allows one audience.")


def _check_authorized_party(case: _Case) -> None:
    """T4, T5: `azp`, which several audiences require."""
    if "azp" not in case.claims:
        if len(case.audience) > 1:
            raise IdTokenRejected("id_token_authorized_party", "azp is missing.")
    elif case.claims["azp"] != case.config.client_id:
        raise IdTokenRejected("id_token_authorized_party")


def _check_expiry(case: _Case) -> None:
    """T9."""
    if case.now >= case.claims["exp"] + case.config.leeway:
        raise IdTokenRejected("id_token_expired")


def _check_issued_at(case: _Case) -> None:
    """T10: issued just now, and valid already."""
    latest = case.now + case.config.leeway
    if case.claims["iat"] > latest or case.claims.get("nbf", 0) > latest:
        raise IdTokenRejected("id_token_issued_at", "It is from the future.")
    if case.claims["iat"] < case.now - case.config.max_token_age - case.config.leeway:
        raise IdTokenRejected("id_token_issued_at", "It is too old.")


def _check_nonce(case: _Case) -> None:
    """T11."""
    if not case.expected.nonce or not case.expected.nonce.equals(case.claims.get("nonce", "")):
        raise Mismatch("nonce_mismatch")


def _check_acr(case: _Case) -> None:
    """T12."""
    if case.expected.acr_values and case.claims.get("acr") not in case.expected.acr_values:
        raise IdTokenRejected("id_token_acr")


def _check_auth_time(case: _Case) -> None:
    """T13."""
    expected = case.expected
    if expected.max_age is None and expected.asked_at is None:
        return
    moment = case.claims.get("auth_time")
    if moment is None:
        raise IdTokenRejected("id_token_auth_time", "auth_time is missing.")
    age = case.now - case.config.leeway - moment  # compared, not subtracted from: no `max_age` is too long
    if moment > case.now + case.config.leeway or (expected.max_age is not None and age > expected.max_age):
        raise IdTokenRejected("id_token_auth_time")
    if expected.asked_at is not None and moment < math.floor(expected.asked_at.timestamp()) + _ahead(case):
        raise IdTokenRejected("id_token_auth_time", "The user authenticated before they were asked to.")


def _ahead(case: _Case) -> float:
    """Return by how many seconds the provider's clock is ahead of ours; negative where it is behind.

    `auth_time` is compared without any leeway, because a leeway would admit a sign-in of before. So the
    clocks are compared instead: the provider made `iat` between the exchange and now. Whole seconds, as
    `auth_time` has no finer. A provider that makes `iat` earlier than that seems to be behind: no further
    than the leeway.
    """
    exchanged_at, issued_at = case.expected.exchanged_at, math.floor(float(case.claims["iat"]))
    if exchanged_at is None:
        return 0
    before = math.floor(exchanged_at.timestamp())
    if before <= issued_at <= math.floor(case.now):
        return 0
    return max(issued_at - before, -case.config.leeway)


def _check_at_hash(case: _Case) -> None:
    """T15: the access token is the one that this ID token came with (OpenID Connect Core §3.1.3.6)."""
    # Without an access token there is nothing that it could vouch for.
    if "at_hash" not in case.claims or case.expected.access_token is None:
        return
    algorithm = ALGORITHMS[case.config.id_token_signing_alg]
    hashed = algorithm.digest(case.expected.access_token.reveal().encode()).digest()
    half = base64.urlsafe_b64encode(hashed[: len(hashed) // 2]).rstrip(b"=")
    if not hmac.compare_digest(half, case.claims["at_hash"].encode()):
        raise IdTokenRejected("id_token_at_hash")


def _check_organization(case: _Case) -> None:
    """T18: the organization that was asked for."""
    wanted = case.expected.organization
    if wanted is not None and not is_of_organization(Members(case.claims), wanted):
        raise Mismatch("organization_mismatch")


def _check_subject(case: _Case) -> None:
    """Compare the person with the one who was asked for (OpenID Connect Core §3.1.2.2)."""
    if case.expected.subject is not None and case.claims["sub"] != case.expected.subject:
        raise Mismatch("subject_mismatch")


_RULES: Final[tuple[Callable[[_Case], None], ...]] = (
    _check_types,
    _check_issuer,
    _check_audience,
    _check_authorized_party,
    _check_expiry,
    _check_issued_at,
    _check_nonce,
    _check_acr,
    _check_auth_time,
    _check_at_hash,
    _check_organization,
    _check_subject,
)
