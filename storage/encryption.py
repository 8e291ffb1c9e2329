"""Encryption at rest: Fernet (AES-128-CBC with HMAC-SHA256) under a ring of keys that can be rotated."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from stateful_oauth.flows.engine.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

_INFO: Final = b"stateful_oauth encryption key 1"


class UndecryptableError(Exception):
    """No key of the ring opens the value, or it was sealed for another encryption context."""


def seal(plaintext: bytes | Secret, *, context: str) -> str:
    """Encrypt with the first key of the ring.

    Args:
        plaintext: Bytes, or a secret: then no variable holds it in clear.
        context: Where the value is kept, for example `transaction:<id>`. It is sealed in, so that a value
            copied to another row does not open there.
    """
    token: bytes = _ring().encrypt(context.encode() + b"\0" + _bytes(plaintext))
    return token.decode("ascii")


def unseal(token: str, *, context: str) -> bytes:
    """Decrypt with the key of the ring that fits.

    Raises:
        UndecryptableError: Put the key that sealed it back into `ENCRYPTION_KEYS`.
    """
    try:
        sealed_for, _, plaintext = _ring().decrypt(token).partition(b"\0")
    except (InvalidToken, ValueError):  # ValueError: it is not even ASCII
        raise UndecryptableError(f"No key in ENCRYPTION_KEYS opens {context}.") from None
    if sealed_for != context.encode():
        del plaintext  # an error report would show it
        raise UndecryptableError(f"The value of {context} was sealed for another encryption context.")
    return plaintext


def _bytes(plaintext: bytes | Secret) -> bytes:
    return plaintext.reveal().encode() if isinstance(plaintext, Secret) else plaintext


def rotate(token: str) -> str:
    """Encrypt a sealed value again with the first key of the ring.

    Raises:
        UndecryptableError: No key of the ring opens it.
    """
    try:
        rotated: bytes = _ring().rotate(token)
    except (InvalidToken, ValueError):  # ValueError: it is not even ASCII
        raise UndecryptableError("No key in ENCRYPTION_KEYS opens the value.") from None
    return rotated.decode("ascii")


def is_current(token: str) -> bool:
    """Whether the first key of the ring sealed the value, so that older keys are not needed for it."""
    try:
        _keys()[0].decrypt(token)
    except (InvalidToken, ValueError):
        return False
    return True


def _ring() -> MultiFernet:
    return _ring_of(_keys())


@lru_cache(maxsize=8)
def _ring_of(keys: Sequence[Fernet]) -> MultiFernet:
    return MultiFernet(keys)


def _keys() -> Sequence[Fernet]:
    configured: Any = getattr(settings, "STATEFUL_OAUTH", {})
    keys = configured.get("ENCRYPTION_KEYS") if isinstance(configured, dict) else None
    if keys:
        return _configured_keys(tuple(keys))
    return _derived_keys((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=8)
def _configured_keys(keys: Sequence[str]) -> Sequence[Fernet]:
    try:
        return tuple(Fernet(key) for key in keys)
    except (ValueError, TypeError):
        raise ImproperlyConfigured(
            "STATEFUL_OAUTH['ENCRYPTION_KEYS'] must be a list of Fernet keys. Make one with: python -c "
            "'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        ) from None


@lru_cache(maxsize=8)
def _derived_keys(secret_keys: Sequence[str]) -> Sequence[Fernet]:
    def derived(secret_key: str | bytes) -> Fernet:
        material = secret_key.encode() if isinstance(secret_key, str) else secret_key
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(material)
        return Fernet(base64.urlsafe_b64encode(key))

    return tuple(derived(secret_key) for secret_key in secret_keys)
