"""Signed tokens (RFC 7515, RFC 8725): from the compact form to claims that the provider really signed."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

from jwt.api_jws import PyJWS
from jwt.exceptions import InvalidSignatureError, PyJWTError

from stateful_oauth.auth0.algorithms import ALGORITHMS
from stateful_oauth.auth0.json_members import Members
from stateful_oauth.flows.oauth.errors import IdTokenRejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from stateful_oauth.auth0.algorithms import PublicKey
    from stateful_oauth.flows.engine.secret import Secret

MAX_TOKEN_CHARACTERS: Final = 262_144  # hundreds of groups take 64 KiB; more is no token

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# A key of the token's own choosing, or an extension that changes what is signed (RFC 7515 §4.1, RFC 7797).
_FORBIDDEN: Final = ("crit", "b64", "jwk", "jku", "x5u", "x5c")
_JWS: Final = PyJWS(algorithms=[*ALGORITHMS], options={"enforce_minimum_key_length": True})


def verified_claims(
    token: Secret,
    *,
    algorithm: str,
    key: Callable[[str | None], PublicKey | bytes],
    key_again: Callable[[str | None, PublicKey], PublicKey | None] | None = None,
    types: frozenset[str] = frozenset({"jwt"}),
) -> dict[str, Any]:
    """Check a token's form, header and signature, in this order, and return its claims.

    Args:
        algorithm: The only one that is accepted, from the configuration and never from the token
            (docs/security-checklist.md T7).
        key: Finds the key by its id.
        key_again: Finds the key that has taken the place of one whose signature is wrong, or None.
        types: What `typ` may say, in lower case, so that a token of another kind cannot pass (RFC 8725
            §3.11). A missing `typ` is accepted.

    Raises:
        IdTokenRejected: Codes `id_token_too_large`, `id_token_malformed`,
            `id_token_encrypted`, `id_token_header`,
            `id_token_algorithm`, `id_token_key_unknown`, `id_token_signature`.
        FlowError: The keys could not be read.
    """
    header = _header(token)
    if any(name in header for name in _FORBIDDEN):
        raise IdTokenRejected("id_token_header")
    kind = header.get("typ")
    if kind is not None and (not isinstance(kind, str) or kind.lower() not in types):
        raise IdTokenRejected("id_token_header")
    if header.get("alg") != algorithm:
        raise IdTokenRejected("id_token_algorithm")
    key_id = header.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise IdTokenRejected("id_token_header")
    found = key(key_id)
    try:
        return _signed(token, found, algorithm)
    except IdTokenRejected as error:
        if error.code != "id_token_signature" or key_again is None or isinstance(found, bytes):
            raise
        changed = key_again(key_id, found)
        if changed is None:
            raise
    return _signed(token, changed, algorithm)


def _signed(token: Secret, key: PublicKey | bytes, algorithm: str) -> dict[str, Any]:
    try:
        return Members.parse(
            _JWS.decode_complete(token.reveal(), key, algorithms=[algorithm])["payload"]
        ).as_dict()
    except InvalidSignatureError:
        code = "id_token_signature"
    except (PyJWTError, ValueError):
        code = "id_token_malformed"
    raise IdTokenRejected(code)


def token_type(token: Secret) -> str:
    """Return what `typ` of a token says whose signature was verified, in lower case; it may be missing."""
    return str(_header(token).get("typ") or "").lower()


def _header(token: Secret) -> Members:
    if len(token.reveal()) > MAX_TOKEN_CHARACTERS:
        raise IdTokenRejected("id_token_too_large", f"It is longer than {MAX_TOKEN_CHARACTERS} characters.")
    if token.reveal().count(".") == 4:  # RFC 7516 §7.1
        raise IdTokenRejected("id_token_encrypted")
    if not _COMPACT.fullmatch(token.reveal()):
        raise IdTokenRejected("id_token_malformed")
    encoded = token.reveal().partition(".")[0]
    try:
        return Members.parse(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError:
        raise IdTokenRejected("id_token_malformed") from None
