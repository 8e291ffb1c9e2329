"""Random identifiers: transaction ids, and the `state` parameter that finds its transaction again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import uuid
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from stateful_oauth.flows.engine.secret import Secret

_STATE_SECRET_BYTES: Final = 24
_STATE_BYTES: Final = 16 + _STATE_SECRET_BYTES


def new_transaction_id(now: datetime) -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then 74 random bits.

    Made here and not by `uuid.uuid7()`, which only newer Pythons have: ids must be the same kind of value
    before and after an upgrade of Python.
    """
    value = int(now.timestamp() * 1000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def earliest_id_at(moment: datetime) -> uuid.UUID:
    """Return the lower bound of the ids made at `moment` (aware): rows older than it have smaller ids."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)


def new_state(transaction_id: uuid.UUID) -> str:
    """Return a fresh `state` parameter (54 characters): the row's id and 192 random bits.

    The id finds the row by its primary key; the random part is compared in constant time by its digest.
    """
    return _base64url(transaction_id.bytes + secrets.token_bytes(_STATE_SECRET_BYTES))


def transaction_id_of(state: str) -> uuid.UUID | None:
    """Return the transaction id in a `state` parameter, or None when it is not one of ours."""
    try:
        raw = base64.b64decode(state + "=" * (-len(state) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return uuid.UUID(bytes=raw[:16]) if len(raw) == _STATE_BYTES else None


def digest(value: str) -> bytes:
    """Return half a SHA-256 (16 bytes) of a random value: what the database keeps instead of the value.

    128 bits, because two values that collide are of no use to an attacker, only one that fits a given digest.
    """
    return hashlib.sha256(value.encode()).digest()[:16]


def matches(value: Secret, expected: bytes) -> bool:
    """Compare a value with the digest that was kept of it, in constant time."""
    return hmac.compare_digest(digest(value.reveal()), expected)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
