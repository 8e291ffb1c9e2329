"""Machine-to-machine tokens that all processes share, encrypted in Django's default cache.

A tenant has a quota of these tokens: a site with forty workers that are restarted now and then must not fetch
one for each. The cache decides which process fetches. A cache that fails, or is each process's own, costs a
fetch.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Final

from django.core.cache import cache

from stateful_oauth.auth0.management_token import SharedToken
from stateful_oauth.django.keyed_digests import keyed_digest
from stateful_oauth.flows.engine.secret import Hidden, Secret
from stateful_oauth.storage import encryption

if TYPE_CHECKING:
    from typing import Any

logger = logging.getLogger("stateful_oauth.management")

_USE: Final = "machine-token"


class CachedMachineTokens:
    """Implements `auth0.management_token.SharedTokens`."""

    def load(self, name: str) -> SharedToken | None:
        """Return what is kept; None also for what cannot be read, and for a cache that fails."""
        key = _key(name)
        try:
            sealed = cache.get(key)
            if sealed is None:
                return None
            kept: Hidden[dict[str, Any]] = Hidden(
                json.loads(encryption.unseal(sealed, context=f"{_USE}:{key}"))
            )
        except Exception as error:  # noqa: BLE001 - whatever the client of the project's cache raises
            _warn("read", error)
            return None
        scopes = kept.value["scopes"]
        return SharedToken(
            value=Secret(kept.value["value"]),
            scopes=None if scopes is None else frozenset(scopes),
            ends_at=float(kept.value["ends_at"]),
        )

    def keep(self, name: str, token: SharedToken, *, seconds: float) -> None:
        """Keep a token for as long as it is used."""
        key = _key(name)
        try:
            sealed = encryption.seal(
                Secret(
                    json.dumps(
                        {
                            "value": token.value.reveal(),
                            "scopes": None if token.scopes is None else sorted(token.scopes),
                            "ends_at": token.ends_at,
                        }
                    )
                ),
                context=f"{_USE}:{key}",
            )
            cache.set(key, sealed, timeout=seconds)
        except Exception as error:  # noqa: BLE001 - whatever the client of the project's cache raises
            _warn("kept", error)

    def claim(self, name: str, *, seconds: float) -> bool:
        """Return whether this caller is the one to fetch it; True where the cache cannot tell."""
        try:
            return bool(cache.add(f"{_key(name)}.claimed", 1, timeout=seconds))
        except Exception as error:  # noqa: BLE001 - whatever the client of the project's cache raises
            _warn("claimed", error)
            return True

    def release(self, name: str) -> None:
        """Let others fetch it."""
        try:
            cache.delete(f"{_key(name)}.claimed")
        except Exception as error:  # noqa: BLE001 - whatever the client of the project's cache raises
            _warn("released", error)


def _key(name: str) -> str:
    return f"stateful_oauth.{_USE}.{keyed_digest(_USE, name).hex()}"


def _warn(what: str, error: Exception) -> None:
    logger.warning("a machine-to-machine token could not be %s in the cache: %s", what, type(error).__name__)
