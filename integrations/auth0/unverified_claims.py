"""What an access token says about itself, unverified.

An access token is for the API that it was issued for. We read ours only to learn what the provider narrowed
away without a word (Auth0 does, for scopes and audiences): it came over TLS from the token endpoint, and no
decision about a user's identity rests on it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from stateful_oauth.auth0.json_members import Members
from stateful_oauth.auth0.signature import MAX_TOKEN_CHARACTERS
from stateful_oauth.flows.engine.secret import Hidden, Secret
from stateful_oauth.flows.oauth.openid import AccessTokenClaims

if TYPE_CHECKING:
    from collections.abc import Mapping


def unverified_claims(token: Secret) -> AccessTokenClaims:
    """Return what an access token says of itself; nothing where it cannot be read."""
    claims = _payload(token)
    if claims is None:
        return AccessTokenClaims(is_opaque=_is_opaque(token))
    scope, named = claims.value.get("scope"), _texts(claims.value.get("permissions"))
    return AccessTokenClaims(
        audience=_texts(claims.value.get("aud")),
        scope=frozenset(scope.split()) if isinstance(scope, str) else None,
        permissions=None if named is None else frozenset(named),
    )


def unverified_issuer(token: Secret) -> str | None:
    """Return `iss`, or None where it cannot be read."""
    claims = _payload(token)
    issuer = None if claims is None else claims.value.get("iss")
    return issuer if isinstance(issuer, str) else None


def _texts(value: object) -> tuple[str, ...] | None:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        return None
    return tuple(values)


def _is_opaque(token: Secret) -> bool:
    """Whether a token that cannot be read is for the provider itself.

    Auth0's own look encrypted: five parts, with a key that only it has (`dir`, RFC 7518 §4.5). One that is
    encrypted with the key of an API is for that API.
    """
    if len(token.reveal()) > MAX_TOKEN_CHARACTERS:
        return False  # too long to look at
    if token.reveal().count(".") != 4:  # RFC 7516 §7.1
        return True
    header = _object(Secret(token.reveal().partition(".")[0]))
    return header is None or header.value.get("alg") == "dir"


def _payload(token: Secret) -> Hidden[Mapping[str, Any]] | None:
    """Return the claims of a JWT; None for an opaque or encrypted token."""
    if len(token.reveal()) > MAX_TOKEN_CHARACTERS or token.reveal().count(".") != 2:
        return None
    return _object(Secret(token.reveal().split(".")[1]))


def _object(encoded: Secret) -> Hidden[Mapping[str, Any]] | None:
    padding = "=" * (-len(encoded.reveal()) % 4)
    try:
        return Hidden(Members.parse(base64.urlsafe_b64decode(encoded.reveal() + padding)).as_dict())
    except ValueError:
        return None
