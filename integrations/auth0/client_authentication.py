"""How the application proves itself to the provider (OpenID Connect Core §9)."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote_plus

from stateful_oauth.flows.engine.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from stateful_oauth.auth0.config import Auth0Config

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFETIME: Final = 60  # seconds; Auth0 advises at most a minute


class ClientAuthentication(Protocol):
    """A method of client authentication."""

    def fields(self) -> Mapping[str, str | Secret]:
        """Return what to add to the form. Fresh for every request."""

    def headers(self) -> Mapping[str, Secret]:
        """Return what to add to the headers."""


def client_authentication(config: Auth0Config, now: Callable[[], datetime]) -> ClientAuthentication:
    """Return the configured method.

    Raises:
        ValueError: The private key cannot be read, or is no RSA key of at least 2048 bits.
    """
    if config.client_auth == "private_key_jwt":
        return PrivateKeyJwt(config, now)
    if config.client_auth == "client_secret_basic":
        return ClientSecretBasic(config)
    return ClientSecretPost(config)


class ClientSecretPost:
    """`client_secret_post`."""

    def __init__(self, config: Auth0Config) -> None:
        self._fields: dict[str, str | Secret] = {
            "client_id": config.client_id,
            "client_secret": config.client_secret or Secret(""),
        }

    def fields(self) -> Mapping[str, str | Secret]:
        """Return id and secret."""
        return self._fields

    def headers(self) -> Mapping[str, Secret]:
        """Return nothing."""
        return {}


class ClientSecretBasic:
    """`client_secret_basic`: both parts form-encoded first (RFC 6749 §2.3.1)."""

    def __init__(self, config: Auth0Config) -> None:
        secret = config.client_secret.reveal() if config.client_secret else ""
        pair = f"{quote_plus(config.client_id)}:{quote_plus(secret)}"
        self._header = Secret("Basic " + base64.b64encode(pair.encode()).decode())

    def fields(self) -> Mapping[str, str | Secret]:
        """Return nothing."""
        return {}

    def headers(self) -> Mapping[str, Secret]:
        """Return the Authorization header."""
        return {"Authorization": self._header}


class PrivateKeyJwt:
    """`private_key_jwt` (RFC 7523 §2.2): a new assertion, with a new `jti`, for every request."""

    def __init__(self, config: Auth0Config, now: Callable[[], datetime]) -> None:
        self._config, self._now = config, now
        self._key = _rsa_key(config.private_key)

    def fields(self) -> Mapping[str, str | Secret]:
        """Return a fresh assertion."""
        return {
            "client_id": self._config.client_id,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": Secret(self._assertion()),
        }

    def headers(self) -> Mapping[str, Secret]:
        """Return nothing."""
        return {}

    def _assertion(self) -> str:
        import jwt  # noqa: PLC0415 - only who uses this method pays for it

        issued_at = int(self._now().timestamp())
        claims = {
            "iss": self._config.client_id,
            "sub": self._config.client_id,
            "aud": self._config.issuer,
            "jti": secrets.token_urlsafe(24),
            "iat": issued_at,
            "exp": issued_at + _ASSERTION_LIFETIME,
        }
        headers = {"kid": self._config.private_key_id} if self._config.private_key_id else None
        return jwt.encode(claims, self._key, algorithm=self._config.private_key_alg, headers=headers)


def _rsa_key(pem: Secret | None) -> RSAPrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key((pem or Secret("")).reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey) or key.key_size < 2048:
        raise ValueError("private_key must be an unencrypted RSA key of at least 2048 bits, as PEM.")
    return key
