"""Signature algorithms (RFC 7518 §3, RFC 8037): which keys each takes, and its hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
PrivateKey: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey

RSA_BITS: Final = range(2048, 8193)  # RFC 7518 §3.3; longer ones only cost time


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What an algorithm works with.

    Attributes:
        kind: `kty` of its keys (RFC 7517 §4.1).
        curve: As cryptography names it, or an empty string.
        digest: Its hash, which `at_hash` is made with (OpenID Connect Core §3.1.3.6).
    """

    kind: str
    curve: str
    digest: Callable[[bytes], Any]

    def takes(self, key: object) -> bool:
        """Whether a key, public or private, is one of this algorithm's."""
        if self.kind == "RSA":
            return isinstance(key, (RSAPublicKey, RSAPrivateKey)) and key.key_size in RSA_BITS
        if self.kind == "EC":
            return (
                isinstance(key, (EllipticCurvePublicKey, EllipticCurvePrivateKey))
                and key.curve.name == self.curve
            )
        return self.kind == "OKP" and isinstance(key, (Ed25519PublicKey, Ed25519PrivateKey))


# Ed448 is not among them: few libraries have it, and `at_hash` would need another hash.
ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    **{f"{family}256": Algorithm("RSA", "", hashlib.sha256) for family in ("RS", "PS")},
    **{f"{family}384": Algorithm("RSA", "", hashlib.sha384) for family in ("RS", "PS")},
    **{f"{family}512": Algorithm("RSA", "", hashlib.sha512) for family in ("RS", "PS")},
    "ES256": Algorithm("EC", "secp256r1", hashlib.sha256),
    "ES384": Algorithm("EC", "secp384r1", hashlib.sha384),
    "ES512": Algorithm("EC", "secp521r1", hashlib.sha512),
    "EdDSA": Algorithm("OKP", "", hashlib.sha512),
    "HS256": Algorithm("oct", "", hashlib.sha256),
}
