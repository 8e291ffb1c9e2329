"""ID tokens, access tokens and the bodies of token replies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import jwt

from stateful_oauth.emulator.action_api import ActionApi
from stateful_oauth.emulator.clock import iso
from stateful_oauth.emulator.ids import base64url, opaque
from stateful_oauth.emulator.issued import OpaqueAccess
from stateful_oauth.emulator.sessions import MFA_POLICY

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.keys import KeyAlg
    from stateful_oauth.emulator.people import User
    from stateful_oauth.emulator.state import TenantState

# In the order in which discovery lists them.
OIDC_SCOPES = (
    "openid",
    "profile",
    "offline_access",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "email",
    "email_verified",
    "picture",
    "created_at",
    "identities",
    "phone",
    "address",
)
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}  # EdDSA: the last
BACKCHANNEL_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True)
class Subject:
    """The user, the client and the sign-in that tokens are issued for."""

    user: User
    client: Client
    sid: str
    scopes: Sequence[str]
    audience: str | None = None
    organization_id: str | None = None
    nonce: str | None = None
    auth_time: float | None = None
    mfa: bool = False
    action: ActionApi = field(default_factory=ActionApi)
    """What the tenant's Action did: its claims go into the tokens."""


def profile_claims(user: User, scopes: Collection[str]) -> dict[str, Any]:
    """Return the claims about a user that the scopes give (OpenID Connect Core §5.4)."""
    claims: dict[str, Any] = {}
    if "profile" in scopes:
        claims |= {
            "name": user.name or user.email or user.user_id,
            "nickname": user.nickname or (user.email or user.user_id).partition("@")[0],
            "picture": user.picture,
            "given_name": user.given_name,
            "family_name": user.family_name,
            "updated_at": iso(user.updated_at),
        }
    if "email" in scopes and user.email is not None:
        claims |= {"email": user.email, "email_verified": user.email_verified}
    return {name: value for name, value in claims.items() if value is not None}


def _organization_claims(tenant: TenantState, organization_id: str | None) -> dict[str, Any]:
    if organization_id is None:
        return {}
    claims = {"org_id": organization_id}
    organization = tenant.people.organization(organization_id)
    if tenant.settings.organization_name_in_tokens and organization is not None:
        claims["org_name"] = organization.name
    return claims


def id_token(tenant: TenantState, subject: Subject, access_token: str) -> str:
    """Sign an ID token; ``tenant.id_token_hook`` may change it first."""
    now = int(tenant.clock.now())
    hashed = _HASHES.get(subject.client.signing_alg[2:], hashlib.sha512)(access_token.encode()).digest()
    claims: dict[str, Any] = {
        **(profile_claims(subject.user, subject.scopes) if tenant.settings.profile_in_id_token else {}),
        "iss": tenant.issuer,
        "aud": subject.client.client_id,
        "sub": subject.user.user_id,
        "iat": now,
        "exp": now + tenant.settings.id_token_ttl,
        "sid": subject.sid,
        "at_hash": base64url(hashed[: len(hashed) // 2]),
        **_organization_claims(tenant, subject.organization_id),
        **subject.action.id_token,
    }
    if subject.nonce is not None:
        claims["nonce"] = subject.nonce
    if subject.auth_time is not None:
        claims["auth_time"] = int(subject.auth_time)
    if subject.mfa:
        claims |= {"acr": MFA_POLICY, "amr": ["mfa"]}
    header: dict[str, Any] = {"alg": subject.client.signing_alg, "typ": "JWT"}
    if header["alg"] != "HS256":
        header["kid"] = tenant.keys.current(header["alg"]).kid
    if tenant.id_token_hook is not None:
        replacement = tenant.id_token_hook(claims, header)
        if replacement is not None:
            return replacement
    return sign(tenant, subject.client, claims, header)


def sign(tenant: TenantState, client: Client, claims: dict[str, Any], header: dict[str, Any]) -> str:
    """Sign claims with the key that the header's ``alg`` means for this client and tenant."""
    alg = str(header.get("alg", "none"))
    key: Any
    if alg == "none":
        key = None
    elif alg.startswith("HS"):
        key = client.client_secret or ""
    else:
        named = tenant.keys.find(header.get("kid"))
        key = (named or tenant.keys.current(cast("KeyAlg", alg))).material.private
    return jwt.encode(claims, key, algorithm=alg, headers=header)


def access_token(tenant: TenantState, subject: Subject) -> tuple[str, int]:
    """Issue an access token: a JWT for an API, opaque without one. Return it with its lifetime in seconds."""
    now = int(tenant.clock.now())
    api = tenant.apis.get(subject.audience or "")
    if api is None:
        value, ttl = opaque(), tenant.settings.access_token_ttl
        tenant.issued.access[value] = OpaqueAccess(
            subject.user.user_id, subject.client.client_id, subject.scopes, now + ttl
        )
        return value, ttl
    ttl = api.token_ttl or tenant.settings.access_token_ttl
    openid = "openid" in subject.scopes
    claims: dict[str, Any] = {
        "iss": tenant.issuer,
        "sub": subject.user.user_id,
        "aud": [api.identifier, f"{tenant.base_url}/userinfo"] if openid else api.identifier,
        "iat": now,
        "exp": now + ttl,
        "scope": " ".join(subject.scopes),
        "azp": subject.client.client_id,
        "jti": opaque(12),
        **_organization_claims(tenant, subject.organization_id),
        **subject.action.access_token,
    }
    return _sign_access(tenant, claims), ttl


def machine_token(
    tenant: TenantState, client: Client, audience: str, scopes: Sequence[str], organization_id: str | None
) -> tuple[str, int]:
    """Issue an access token to a client for itself. Return it with its lifetime in seconds."""
    now = int(tenant.clock.now())
    api = tenant.apis[audience]
    ttl = api.token_ttl or tenant.settings.access_token_ttl
    claims: dict[str, Any] = {
        "iss": tenant.issuer,
        "sub": f"{client.client_id}@clients",
        "aud": audience,
        "iat": now,
        "exp": now + ttl,
        "gty": "client-credentials",
        "azp": client.client_id,
        "jti": opaque(12),
        **_organization_claims(tenant, organization_id),
    }
    if scopes:
        claims["scope"] = " ".join(scopes)
    return _sign_access(tenant, claims), ttl


def _sign_access(tenant: TenantState, claims: dict[str, Any]) -> str:
    key = tenant.keys.current("RS256")
    return jwt.encode(claims, key.material.private, algorithm="RS256", headers={"kid": key.kid})


def verify_access(tenant: TenantState, token: str, audience: str) -> dict[str, Any] | None:
    """Return the claims of one of this tenant's JWT access tokens if it is good for the audience now."""
    claims = verify_own(tenant, token)
    if claims is None or claims.get("exp", 0) <= tenant.clock.now() or "azp" not in claims:
        return None
    audiences = claims.get("aud")
    return claims if audience in (audiences if isinstance(audiences, list) else [audiences]) else None


def verify_own(tenant: TenantState, token: str) -> dict[str, Any] | None:
    """Return the claims of a JWT that this tenant signed, expired or not; None for anything else."""
    options: Any = {
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "verify_aud": False,
        "verify_sub": False,
    }
    try:
        header = jwt.get_unverified_header(token)
        key: Any
        if header.get("alg") == "HS256":
            unverified = jwt.decode(token, options={"verify_signature": False})
            client = tenant.clients.get(str(unverified.get("aud")))
            if client is None or client.signing_alg != "HS256" or not client.client_secret:
                return None
            key, alg = client.client_secret, "HS256"
        else:
            named = tenant.keys.find(header.get("kid"))
            if named is None:
                return None
            key, alg = named.material.private.public_key(), named.alg
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=[alg], options=options)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return claims if claims.get("iss") == tenant.issuer else None


def logout_token(tenant: TenantState, client: Client, user_id: str, sid: str, /, **changes: Any) -> str:
    """Sign a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4) as Auth0 does: ``typ`` is JWT.

    ``changes`` are claims that replace those of Auth0; None leaves one out.
    """
    now = int(tenant.clock.now())
    claims = {
        "iss": tenant.issuer,
        "sub": user_id,
        "aud": client.client_id,
        "iat": now,
        "exp": now + 120,
        "jti": opaque(16),
        "events": {BACKCHANNEL_EVENT: {}},
        "sid": sid,
        "trace_id": opaque(8),
    } | changes
    header: dict[str, Any] = {"alg": client.signing_alg, "typ": "JWT"}
    if header["alg"] != "HS256":
        header["kid"] = tenant.keys.current(header["alg"]).kid
    return sign(tenant, client, {name: each for name, each in claims.items() if each is not None}, header)


def user_reply(
    tenant: TenantState, subject: Subject, refresh_token: str | None
) -> tuple[dict[str, Any], str]:
    """Return the body of a token reply for a user, and the access token in it."""
    access, ttl = access_token(tenant, subject)
    body: dict[str, Any] = {"access_token": access}
    if refresh_token is not None:
        body["refresh_token"] = refresh_token
    if "openid" in subject.scopes:
        body["id_token"] = id_token(tenant, subject, access)
    if tenant.settings.scope_in_reply:
        body["scope"] = " ".join(subject.scopes)
    body |= {"expires_in": ttl, "token_type": "Bearer"}
    if tenant.token_reply_hook is not None:
        tenant.token_reply_hook(body)
    return body, access
