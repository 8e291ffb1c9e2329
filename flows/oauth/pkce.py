"""What ties an authorization response to its request: `nonce`, and PKCE (RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import secrets


def new_nonce() -> str:
    """Return 256 random bits, 43 characters."""
    return secrets.token_urlsafe(32)


def new_code_verifier() -> str:
    """Return a `code_verifier` of 43 characters (RFC 7636 §4.1)."""
    return secrets.token_urlsafe(32)


def code_challenge(verifier: str) -> str:
    """Return the S256 `code_challenge` (RFC 7636 §4.2)."""
    hashed = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode("ascii")
