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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.flows.engine.secret import Secret


def unverified_audience(token: Secret) -> tuple[str, ...] | None:
    """Return `aud`, or None where it cannot be read."""
    audience = _payload(token).get("aud")
    values = [audience] if isinstance(audience, str) else audience
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return None
    return tuple(values)


def unverified_issuer(token: Secret) -> str | None:
    """Return `iss`, or None where it cannot be read."""
    issuer = _payload(token).get("iss")
    return issuer if isinstance(issuer, str) else None


def unverified_scope(token: Secret) -> str | None:
    """Return `scope` (RFC 9068 §2.2.3), or None where it cannot be read."""
    scope = _payload(token).get("scope")
    return scope if isinstance(scope, str) else None


def _payload(token: Secret) -> Mapping[str, Any]:
    """Return the claims of a JWT; none for an opaque or encrypted token."""
    if len(token.reveal()) > MAX_TOKEN_CHARACTERS or token.reveal().count(".") != 2:
        return {}
    encoded = token.reveal().split(".")[1]
    try:
        return Members.parse(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))).as_dict()
    except ValueError:
        return {}
