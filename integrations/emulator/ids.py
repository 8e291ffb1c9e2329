"""Random identifiers in the shapes that Auth0 uses, and the digests that stand for secrets."""

from __future__ import annotations

import base64
import hashlib
import secrets
import string

_ALPHANUMERIC = string.ascii_letters + string.digits


def opaque(size: int = 32) -> str:
    """Return ``size`` random bytes as base64url text: codes, tokens, session ids."""
    return secrets.token_urlsafe(size)


def short_hex(size: int = 12) -> str:
    """Return ``size`` random bytes as lower-case hex: database user ids."""
    return secrets.token_hex(size)


def digits(count: int = 21) -> str:
    """Return a number of ``count`` digits that does not start with zero: Google's user ids."""
    return str(secrets.randbelow(9 * 10 ** (count - 1)) + 10 ** (count - 1))


def alphanumeric(count: int = 22) -> str:
    """Return ``count`` letters and digits: what follows ``cac_`` and ``con_``."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(count))


def digest(value: str) -> str:
    """Return the short digest under which the ledger keeps a code or token (never the value itself)."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def base64url(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def same(given: str, expected: str) -> bool:
    """Compare two secrets in constant time; any text is allowed."""
    return secrets.compare_digest(
        given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")
    )
