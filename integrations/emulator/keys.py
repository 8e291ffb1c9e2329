"""Signing keys of a tenant, and their rotation."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from threading import Lock
from typing import Any, Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from stateful_oauth.emulator.ids import base64url, opaque

KeyAlg = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_Curve: TypeAlias = ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1
_CURVES: dict[str, type[_Curve]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
}


class KeyMaterial:
    """An RSA key pair with its public forms, each computed once."""

    def __init__(self) -> None:
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def public_pem(self) -> str:
        """The public key as PEM text."""
        return (
            self.private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode("ascii")
        )

    @cached_property
    def public_jwk(self) -> dict[str, Any]:
        """``kty, use, n, e, x5t, x5c`` (RFC 7517); kid and alg belong to the tenant's key."""
        numbers = self.private.public_key().public_numbers()
        certificate = self._certificate()
        return {
            "kty": "RSA",
            "use": "sig",
            "n": base64url(numbers.n.to_bytes(256, "big")),
            "e": base64url(numbers.e.to_bytes(3, "big")),
            "x5t": base64url(hashlib.sha1(certificate, usedforsecurity=False).digest()),
            "x5c": [base64.b64encode(certificate).decode("ascii")],
        }

    def _certificate(self) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "emulator")])
        start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(days=20_000))
            .sign(self.private, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.DER)


class CurveMaterial:
    """A key pair on an elliptic curve (RFC 7518 §6.2, RFC 8037 §2), for one algorithm."""

    def __init__(self, alg: KeyAlg) -> None:
        self.private: Any = (
            ed25519.Ed25519PrivateKey.generate()
            if alg == "EdDSA"
            else ec.generate_private_key(_CURVES[alg]())
        )

    @cached_property
    def public_pem(self) -> str:
        """The public key as PEM text."""
        public: bytes = self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return public.decode("ascii")

    @cached_property
    def public_jwk(self) -> dict[str, Any]:
        """``kty, use, crv, x`` and, but for EdDSA, ``y``."""
        maker: Any = OKPAlgorithm if isinstance(self.private, ed25519.Ed25519PrivateKey) else ECAlgorithm
        return {"use": "sig", **maker.to_jwk(self.private.public_key(), as_dict=True)}


class _Pool:
    """Key pairs of this process, made once and shared out in turn.

    A pair takes about 100 ms to make; hundreds of tenants a second need them ready. Neighbouring tenants
    never get the same pair, so a token of one does not verify at the other even if the kid is forged.
    """

    SIZE = 6

    def __init__(self) -> None:
        self._made: list[KeyMaterial] = []
        self._turn = count()
        self._lock = Lock()

    def take(self, used: list[KeyMaterial]) -> KeyMaterial:
        with self._lock:
            for _ in range(self.SIZE):
                slot = next(self._turn) % self.SIZE
                while len(self._made) <= slot:
                    self._made.append(KeyMaterial())
                if self._made[slot] not in used:
                    return self._made[slot]
        return KeyMaterial()


_POOL = _Pool()


@dataclass
class SigningKey:
    """A key of one tenant."""

    alg: KeyAlg
    material: KeyMaterial | CurveMaterial
    kid: str = field(default_factory=lambda: opaque(16))

    @property
    def jwk(self) -> dict[str, Any]:
        """Its entry in the JWK set."""
        return {"alg": self.alg, "kid": self.kid, **self.material.public_jwk}

    @property
    def public_pem(self) -> str:
        """Its public half, as PEM text."""
        return self.material.public_pem


class KeyRing:
    """The tenant's keys: per algorithm the current one first, then those that are still published.

    RS256 keys always exist; those of other algorithms (each with its own in the JWK set) from the first use.
    """

    def __init__(self) -> None:
        self._rings: dict[KeyAlg, list[SigningKey]] = {}
        self._used: list[KeyMaterial | CurveMaterial] = []
        self._lock = Lock()

    def _new(self, alg: KeyAlg) -> SigningKey:
        rsa_keys = [key for key in self._used if isinstance(key, KeyMaterial)]
        material = CurveMaterial(alg) if alg in _CURVES or alg == "EdDSA" else _POOL.take(rsa_keys)
        self._used.append(material)
        return SigningKey(alg, material)

    def _ring(self, alg: KeyAlg) -> list[SigningKey]:
        if alg not in self._rings:
            self._rings[alg] = [self._new(alg)]
        return self._rings[alg]

    def current(self, alg: KeyAlg = "RS256") -> SigningKey:
        """Return the key that signs now."""
        with self._lock:
            return self._ring(alg)[0]

    def published(self) -> list[SigningKey]:
        """Return every key of the JWK set."""
        with self._lock:
            self._ring("RS256")
            return [key for ring in self._rings.values() for key in ring]

    def find(self, kid: object) -> SigningKey | None:
        """Return the published key with that ``kid``."""
        return next((key for key in self.published() if key.kid == kid), None)

    def rotate(self) -> SigningKey:
        """Sign with new keys from now on; the old ones stay published. Return the new RS256 key."""
        with self._lock:
            self._ring("RS256")
            for alg, ring in self._rings.items():
                ring.insert(0, self._new(alg))
            return self._rings["RS256"][0]

    def replace(self) -> SigningKey:
        """Change every key and keep its ``kid``, as careless providers do. Return the RS256 key."""
        with self._lock:
            self._ring("RS256")
            for alg, ring in self._rings.items():
                kid = ring[0].kid
                ring[:] = [self._new(alg)]
                ring[0].kid = kid
            return self._rings["RS256"][0]

    def revoke_previous(self) -> None:
        """Stop publishing every key but the current ones."""
        with self._lock:
            for ring in self._rings.values():
                del ring[1:]
            self._used = [key.material for ring in self._rings.values() for key in ring]
