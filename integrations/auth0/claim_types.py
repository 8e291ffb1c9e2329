"""What the registered claims of a token may be (RFC 7519 §4.1, OpenID Connect Core §2)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stateful_oauth.auth0.json_members import Members

_MAX_SUBJECT: Final = 255  # OpenID Connect Core §2, which says ASCII; SAML and custom databases say more
_NO_LETTER: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999: `datetime` knows no later one


def is_text(value: object) -> TypeGuard[str]:
    """Whether it is a text that says something."""
    return isinstance(value, str) and value != ""


def is_subject(value: object) -> TypeGuard[str]:
    """Whether it can be a `sub`."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_SUBJECT and not _NO_LETTER.search(value)


def is_audience(value: object) -> bool:
    """Whether it can be an `aud`: a text, or a list of texts that is not empty (RFC 7519 §4.1.3)."""
    return is_text(value) or (isinstance(value, list) and value != [] and all(map(is_text, value)))


def is_session_id(value: object) -> TypeGuard[str]:
    """Whether it can be a `sid`."""
    return isinstance(value, str) and len(value) <= _MAX_SUBJECT and value.isprintable()


def is_moment(value: object) -> TypeGuard[int | float]:
    """Whether it is a NumericDate (RFC 7519 §2)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return (
        math.isfinite(value) and 0 <= value <= _LAST_SECOND
        if isinstance(value, float)
        else 0 <= value <= _LAST_SECOND
    )


def wrong_claim(claims: Members, *, texts: Iterable[str]) -> str:
    """Return which claim is missing or of a wrong type, of those that ID and access tokens share; or "".

    Args:
        texts: Claims that have to be texts where they are there.
    """
    if not is_text(claims.get("iss")) or not is_subject(claims.get("sub")):
        return "iss or sub"
    if not is_audience(claims.get("aud")):
        return "aud"
    for name in ("exp", "iat"):
        if not is_moment(claims.get(name)):
            return name
    for name in ("nbf", "auth_time"):
        if name in claims and not is_moment(claims.get(name)):
            return name
    return next((name for name in texts if name in claims and not isinstance(claims.get(name), str)), "")


def is_of_organization(claims: Members, wanted: str) -> bool:
    """Compare an id (`org_…`) exactly, and a name in any case, because Auth0 keeps names in lower case."""
    if wanted.startswith("org_"):
        return bool(claims.get("org_id") == wanted)
    return bool((claims.get("org_name") or "").lower() == wanted.lower() != "")
