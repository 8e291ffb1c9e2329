"""Client authentication at /oauth/token, /oauth/par and /oauth/revoke (docs/auth0-contract.md §4, §4.6)."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from stateful_oauth.emulator.errors import Refusal, oauth_error
from stateful_oauth.emulator.ids import same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_ASSERTION = 2048
MAX_LIFE = 300
SKEW = 10


def authenticate(tenant: TenantState, call: Call, *, confidential: bool = False) -> Client:
    """Return the client that the request proves to be; with ``confidential``, a public one is refused."""
    params = call.body()
    if "client_assertion" in params or "client_assertion_type" in params:
        return _by_assertion(tenant, params)
    client_id, secret = _given(call, params)
    if client_id is None:
        raise oauth_error(401, "invalid_client", "Client authentication is required")
    client = tenant.clients.get(client_id)
    if client is None:
        raise _wrong_secret(tenant)
    if client.public:
        if confidential or secret is not None:
            raise _wrong_secret(tenant)
        return client
    by_assertion = client.public_keys or client.secret_assertions
    if client.client_secret is None or by_assertion or not same(secret or "", client.client_secret):
        raise _wrong_secret(tenant)
    return client


def _wrong_secret(tenant: TenantState) -> Refusal:
    return oauth_error(401, tenant.settings.wrong_secret_error, "Unauthorized")


def _given(call: Call, params: Mapping[str, str]) -> tuple[str | None, str | None]:
    header = call.request.headers.get("Authorization", "")
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic":
        return params.get("client_id"), params.get("client_secret")
    if "client_secret" in params:
        raise oauth_error(400, "invalid_request", "Only one way of client authentication may be used")
    try:
        client_id, colon, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise oauth_error(401, "invalid_client", "Malformed Authorization header") from error
    client_id = unquote_plus(client_id)
    if not colon or params.get("client_id", client_id) != client_id:
        raise oauth_error(401, "invalid_client", "Malformed Authorization header")
    # RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
    return client_id, unquote_plus(secret)


def _by_assertion(tenant: TenantState, params: Mapping[str, str]) -> Client:
    assertion = params.get("client_assertion", "")
    if params.get("client_assertion_type") != ASSERTION_TYPE:
        raise oauth_error(400, "invalid_request", "Invalid client_assertion_type")
    if "client_secret" in params:
        raise oauth_error(400, "invalid_request", "Only one way of client authentication may be used")
    if len(assertion) > MAX_ASSERTION:
        raise _bad_assertion("client_assertion is too large")
    try:
        unverified = jwt.decode(assertion, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError) as error:
        raise _bad_assertion("client_assertion is not a JWT") from error
    client = tenant.clients.get(str(unverified.get("sub")))
    if (
        client is None
        or not (client.public_keys or client.secret_assertions)
        or params.get("client_id", client.client_id) != client.client_id
    ):
        raise _bad_assertion("client_assertion does not name a client that may use it")
    claims = _verified(tenant, client, assertion)
    _check_claims(tenant, client, claims)
    return client


def _verified(tenant: TenantState, client: Client, assertion: str) -> dict[str, Any]:
    options: Any = {
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_aud": False,
        "verify_sub": False,
        "verify_jti": False,
        "verify_iss": False,
    }
    keys: list[tuple[Any, list[str]]] = [
        (load_pem_public_key(pem.encode()), [*tenant.settings.assertion_algs]) for pem in client.public_keys
    ]
    if client.secret_assertions:
        keys = [(client.client_secret or "", ["HS256"])]
    for key, algorithms in keys:
        try:
            return dict(jwt.decode(assertion, key, algorithms=algorithms, options=options))
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
    raise _bad_assertion("client_assertion has no valid signature")


def _check_claims(tenant: TenantState, client: Client, claims: Mapping[str, Any]) -> None:
    now = tenant.clock.now()
    if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
        raise _bad_assertion("iss and sub of client_assertion must be the client_id")
    audience = claims.get("aud")
    wanted = tenant.settings.assertion_audience or tenant.issuer
    if audience not in (wanted, [wanted]):
        raise _bad_assertion(f"aud of client_assertion must be {wanted}")
    expires, issued = _time(claims, "exp", None), _time(claims, "iat", now)
    not_before, jti = _time(claims, "nbf", now), claims.get("jti")
    if not now < expires <= now + MAX_LIFE + SKEW:
        raise _bad_assertion("client_assertion is expired or lives too long")
    if max(issued, not_before) > now + SKEW:
        raise _bad_assertion("client_assertion is not valid yet")
    if not isinstance(jti, str) or not jti:
        raise _bad_assertion("client_assertion must have a jti")
    seen = tenant.issued.assertions
    if seen.get((client.client_id, jti), 0) > now:
        tenant.ledger.record("assertion_replayed", client_id=client.client_id, jti=jti)
        raise _bad_assertion("client_assertion was used already")
    seen[client.client_id, jti] = expires


def _time(claims: Mapping[str, Any], name: str, default: float | None) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _bad_assertion(f"client_assertion must have {name} as a number")
    return float(value)


def _bad_assertion(description: str) -> Refusal:
    return oauth_error(401, "invalid_client", description)
