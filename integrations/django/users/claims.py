"""Claims by name or by path, and those that a session keeps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.django.conf import conf
from stateful_oauth.flows.engine.secret import Hidden, Secret
from stateful_oauth.storage.encryption import UndecryptableError, seal, unseal
from stateful_oauth.storage.models import identity_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stateful_oauth.flows.oauth.openid import VerifiedIdentity

ABSENT: Final = object()
_LONGEST_VALUE: Final = 2048  # characters of JSON; a picture may be a `data:` URL
_LONGEST: Final = 8192  # characters of JSON, all of them together


def claim_at(claims: Mapping[str, Any], where: str | Sequence[str]) -> Any:
    """Return the value of a claim, or `ABSENT`; null counts as absent.

    Args:
        where: The claim's name, taken literally, because names of one's own are URLs. For a member of an
            object, the names on the way to it: `["realm_access", "roles"]`.
    """
    found: Any = claims
    for name in [where] if isinstance(where, str) else where:
        if not isinstance(found, dict) or found.get(name) is None:
            return ABSENT
        found = found[name]
    return found


def sealed_claims(identity: VerifiedIdentity) -> str:
    """Return what the session is to keep of the claims, sealed; an empty string where there is nothing.

    A settled row keeps it for a second delivery of the callback, and claims are personal.
    """
    if identity.tenant not in conf.tenant_aliases:
        return ""
    kept: dict[str, Any] = {}
    for name in conf.tenant(identity.tenant).kept_claims:
        value = claim_at(identity.claims, name)
        if value is ABSENT or len(json.dumps(value)) > _LONGEST_VALUE:
            continue
        if len(json.dumps({**kept, name: value})) <= _LONGEST:
            kept[name] = value
    if not kept:
        return ""
    return seal(Secret(json.dumps(kept)), context=_context(identity.issuer, identity.subject))


def opened_claims(sealed: object, *, issuer: str, subject: str) -> dict[str, Any]:
    """Return what was sealed; nothing where no key opens it, or another account has it."""
    if not isinstance(sealed, str) or not sealed:
        return {}
    try:
        opened: Hidden[dict[str, Any]] = Hidden(json.loads(unseal(sealed, context=_context(issuer, subject))))
    except UndecryptableError:
        return {}
    return opened.value


def _context(issuer: str, subject: str) -> str:
    return f"claims:{identity_digest(issuer, subject).hex()}"
