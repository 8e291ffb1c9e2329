"""How the application proves itself to the provider (OpenID Connect Core §9, RFC 8705 §2)."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote_plus

from stateful_oauth.auth0.algorithms import ALGORITHMS
from stateful_oauth.flows.engine.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from stateful_oauth.auth0.algorithms import PrivateKey
    from stateful_oauth.auth0.config import Auth0Config

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFETIME: Final = 60  # seconds; Auth0 advises at most a minute


class ClientAuthentication(Protocol):
    """A method of client authentication."""

    def fields(self, endpoint: str) -> Mapping[str, str | Secret]:
        """Return what to add to the form. Fresh for every request.

        Args:
            endpoint: Where it is sent.
        """

    def headers(self) -> Mapping[str, Secret]:
        """Return what to add to the headers."""


def client_authentication(config: Auth0Config, now: Callable[[], datetime]) -> ClientAuthentication:
    """Return the configured method.

    Raises:
        ValueError: The private key cannot be read, or is of another kind than its algorithm.
    """
    if config.client_auth == "private_key_jwt":
        return ClientAssertion(config, now, _private_key(config), config.private_key_alg)
    if config.client_auth == "client_secret_jwt":
        return ClientAssertion(config, now, config.client_secret or Secret(""), "HS256")
    if config.client_auth in {"none", "tls_client_auth"}:
        return ClientIdOnly(config)
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

    def fields(self, endpoint: str) -> Mapping[str, str | Secret]:  # noqa: ARG002 - the same for each
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

    def fields(self, endpoint: str) -> Mapping[str, str | Secret]:  # noqa: ARG002 - the same for each
        """Return nothing."""
        return {}

    def headers(self) -> Mapping[str, Secret]:
        """Return the Authorization header."""
        return {"Authorization": self._header}


class ClientIdOnly:
    """`none`, of a public client, and `tls_client_auth`, where the connection proves the client."""

    def __init__(self, config: Auth0Config) -> None:
        self._fields = {"client_id": config.client_id}

    def fields(self, endpoint: str) -> Mapping[str, str | Secret]:  # noqa: ARG002 - the same for each
        """Return the id (RFC 6749 §3.2.1, RFC 8705 §2)."""
        return self._fields

    def headers(self) -> Mapping[str, Secret]:
        """Return nothing."""
        return {}


class ClientAssertion:
    """`private_key_jwt` and `client_secret_jwt` (RFC 7523 §2.2): a new assertion, and `jti`, each time.

    Args:
        key: A private key, or the client secret.
    """

    def __init__(
        self, config: Auth0Config, now: Callable[[], datetime], key: PrivateKey | Secret, algorithm: str
    ) -> None:
        self._config, self._now, self._key, self._algorithm = config, now, key, algorithm

    def fields(self, endpoint: str) -> Mapping[str, str | Secret]:
        """Return a fresh assertion."""
        return {
            "client_id": self._config.client_id,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": Secret(self._assertion(endpoint)),
        }

    def headers(self) -> Mapping[str, Secret]:
        """Return nothing."""
        return {}

    def _assertion(self, endpoint: str) -> str:
        import jwt  # noqa: PLC0415 - only sites that use these methods pay for it

        config, issued_at = self._config, int(self._now().timestamp())
        claims = {
            "iss": config.client_id,
            "sub": config.client_id,
            "aud": config.issuer if config.client_assertion_audience == "issuer" else endpoint,
            "jti": secrets.token_urlsafe(24),
            "iat": issued_at,
            "exp": issued_at + _ASSERTION_LIFETIME,
        }
        headers = {"kid": config.private_key_id} if config.private_key_id else None
        if isinstance(self._key, Secret):
            return jwt.encode(claims, self._key.reveal(), algorithm=self._algorithm)
        return jwt.encode(claims, self._key, algorithm=self._algorithm, headers=headers)


def _private_key(config: Auth0Config) -> PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    algorithm = ALGORITHMS[config.private_key_alg]
    try:
        key: Any = load_pem_private_key((config.private_key or Secret("")).reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not algorithm.takes(key):
        kind = {
            "RSA": "RSA key of at least 2048 bits",
            "EC": f"{algorithm.curve} key",
            "OKP": "Ed25519 key",
        }[algorithm.kind]
        raise ValueError(f"private_key must be an unencrypted {kind} for {config.private_key_alg}, as PEM.")
    found: PrivateKey = key
    return found
