"""The provider's signature keys (RFC 7517)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from stateful_oauth.auth0.algorithms import ALGORITHMS
from stateful_oauth.auth0.cached import Cached
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.oauth.errors import IdTokenRejected, ProviderAnswerLost, ProviderUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from stateful_oauth.auth0.algorithms import PublicKey
    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.discovery import Discovery
    from stateful_oauth.auth0.transport import Transport

_MAX_KEYS: Final = 64
_KINDS: Final[Mapping[str, Any]] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}


class Keys:
    """The usable keys of a tenant, parsed once, believed for `metadata_lifetime`.

    A key that the provider withdrew is accepted until then and no longer, even when the set cannot be read.

    Args:
        algorithm: The one whose keys are wanted; that of ID tokens by default.
    """

    def __init__(
        self,
        config: Auth0Config,
        discovery: Discovery,
        transport: Transport,
        now: Callable[[], datetime],
        *,
        algorithm: str = "",
    ) -> None:
        self._config, self._discovery, self._transport = config, discovery, transport
        self._algorithm = algorithm or config.id_token_signing_alg
        self._cached = Cached(
            self._fetch, now=now, lifetime=config.metadata_lifetime, interval=config.jwks_refetch_interval
        )

    def load(self, time_limit: float) -> None:
        """Make sure that the keys are there, so that a token can be checked after a code was spent for it.

        Where a key was missing lately, and the keys could not be read again, they are read now.

        Raises:
            ProviderUnreachable: They could not be fetched.
            RateLimited: 429.
            FlowError: The document is not usable. Code: `keys_unavailable`.
        """
        self._cached.wanted(time_limit)

    def find(self, key_id: str | None) -> PublicKey:
        """Return the key of a token.

        An unknown id makes us read the keys once more: for the same id at most every `jwks_refetch_interval`
        seconds, and for a few ids in that time, so that several rotations in a row are survived. A reading
        that failed does not count. A token without an id is accepted when there is only one key.

        Raises:
            FlowError: The keys could not be read. Code: `keys_unavailable`.
            IdTokenRejected: No key, or more than one, is meant. Code: `id_token_key_unknown`.
        """
        try:
            copy = self._cached.get(self._config.call_limit)
            key = _match(copy.value, key_id)
            if key is None:
                newer = self._cached.renewed(copy, self._config.call_limit, reason=key_id or "")
                key = None if newer is None else _match(newer.value, key_id)
        except FlowError as error:
            # A token is at hand, so the exchange did happen: "unreachable" would say that it did not.
            code = error.code
        else:
            if key is None:
                raise IdTokenRejected("id_token_key_unknown")
            return key
        raise FlowError("keys_unavailable", f"The keys could not be read ({code}).")

    def find_again(self, key_id: str | None, failed: PublicKey) -> PublicKey | None:
        """Return the key that the provider publishes by now in the place of one that did not fit, or None.

        Some providers change a key and keep its id. For the same id, the keys are read at most every
        `jwks_refetch_interval` seconds. None also where they could not be read: the signature is wrong then,
        as far as is known.
        """
        try:
            copy = self._cached.get(self._config.call_limit)
            key = _match(copy.value, key_id)
            if key is None or key == failed:
                newer = self._cached.renewed(copy, self._config.call_limit, reason=f"signature {key_id}")
                key = None if newer is None else _match(newer.value, key_id)
        except FlowError:
            return None
        return None if key is None or key == failed else key

    def _fetch(self, time_limit: float) -> Mapping[str | None, list[PublicKey]]:
        deadline = time.monotonic() + time_limit
        url = self._discovery.metadata(time_limit).jwks_uri
        try:
            answer = self._transport.get(url, time_limit=deadline - time.monotonic())
        except ProviderAnswerLost as error:
            lost = ProviderUnreachable(f"The keys could not be read ({error.code}).")
        else:
            members = answer.members_or_none() if answer.status == 200 else None
            if members is None:
                raise ProviderUnreachable(f"The keys could not be read (status {answer.status}).")
            return self._read(members.get("keys"))
        raise lost

    def _read(self, entries: object) -> Mapping[str | None, list[PublicKey]]:
        if not isinstance(entries, list) or len(entries) > _MAX_KEYS:
            raise FlowError("keys_unavailable", "The key set has no list of keys, or too long a one.")
        keys: dict[str | None, list[PublicKey]] = {}
        for entry in entries:
            key = _public_key(entry, self._algorithm)
            if key is not None:
                keys.setdefault(entry.get("kid"), []).append(key)
        if not keys:
            raise FlowError("keys_unavailable", f"The key set has no {self._algorithm} key.")
        return keys


def _match(keys: Mapping[str | None, list[PublicKey]], key_id: str | None) -> PublicKey | None:
    found = keys.get(key_id, []) if key_id is not None else [key for same in keys.values() for key in same]
    return found[0] if len(found) == 1 else None


def _public_key(entry: Any, algorithm: str) -> PublicKey | None:
    """Return the key, or None when it is of no use to us: RFC 7517 §5 has unknown keys ignored."""
    chosen = ALGORITHMS[algorithm]
    if not isinstance(entry, dict) or entry.get("kty") != chosen.kind or "d" in entry:
        return None
    if entry.get("use", "sig") != "sig" or entry.get("alg", algorithm) != algorithm:
        return None
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if not isinstance(entry.get("kid"), (str, type(None))):
        return None
    try:
        key: Any = _KINDS[chosen.kind].from_jwk(entry)
    except (InvalidKeyError, ValueError, TypeError, AttributeError):
        return None
    return key if chosen.takes(key) else None
