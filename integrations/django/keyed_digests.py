"""Keyed digests of values that must not be kept, or guessed: HMAC-SHA256 under a key of the site."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from typing import Final

from django.conf import settings

from stateful_oauth.flows.engine.secret import Secret

_KEYS: Final = 32  # uses, by the secret keys of the site: more than there are of both


def keyed_digest(use: str, value: str | Secret, secret: str | bytes | None = None) -> bytes:
    """Return what Django's `salted_hmac(use, value, secret, algorithm="sha256").digest()` returns.

    The key is derived once for each use and secret.

    Args:
        use: What the digest is for. Another use has another key.
        value: If it is a secret, no variable holds it in clear.
        secret: `SECRET_KEY`, or one of its fallbacks; None for `SECRET_KEY`.
    """
    key = _key(use, settings.SECRET_KEY if secret is None else secret)
    return hmac.digest(key, (value.reveal() if isinstance(value, Secret) else value).encode(), "sha256")


@lru_cache(maxsize=_KEYS)
def _key(use: str, secret: str | bytes) -> bytes:
    return hashlib.sha256(use.encode() + (secret.encode() if isinstance(secret, str) else secret)).digest()
