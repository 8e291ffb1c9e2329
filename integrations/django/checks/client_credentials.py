"""System checks of how a tenant's application proves itself, and of what its tokens are signed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from django.core.checks import CheckMessage, Error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.django.conf import TenantSettings

# What each method proves the client with.
_NEEDED: Final = {
    "client_secret_post": "CLIENT_SECRET",
    "client_secret_basic": "CLIENT_SECRET",
    "client_secret_jwt": "CLIENT_SECRET",
    "private_key_jwt": "PRIVATE_KEY",
    "tls_client_auth": "CLIENT_CERTIFICATE",
    "none": "",
}
_HINTS: Final = {
    "CLIENT_SECRET": "Copy it from the application at the provider.",
    "PRIVATE_KEY": "Set the key as PEM.",
    "CLIENT_CERTIFICATE": "Name the file of the certificate, as PEM.",
}


def client_credentials(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    """Check method, credentials and algorithms.

    Args:
        name: What messages call the tenant.
    """
    from stateful_oauth.auth0.config import AssertionAudience, SigningAlg  # noqa: PLC0415 - not needed to serve

    method = tenant.client_authentication
    needed = _NEEDED.get(method, "")
    if method not in _NEEDED:
        yield Error(
            f"{name}: CLIENT_AUTHENTICATION is not one of {', '.join(_NEEDED)}.",
            hint="Choose the method of the application at the provider.",
            id="stateful_oauth.E010",
        )
    elif needed and not getattr(tenant, needed.lower()):
        yield Error(
            f"{name}: {method} needs {needed}.",
            hint=_HINTS[needed],
            id="stateful_oauth.E011",
        )
    if tenant.id_token_signing_alg == "HS256" and not tenant.client_secret:  # noqa: S105 - an algorithm
        yield Error(
            f"{name}: HS256 needs CLIENT_SECRET.",
            hint="HS256 tokens are signed with the secret.",
            id="stateful_oauth.E011",
        )
    if tenant.id_token_signing_alg not in get_args(SigningAlg):
        yield Error(
            f"{name}: ID_TOKEN_SIGNING_ALG is not one of {', '.join(get_args(SigningAlg))}.",
            hint="Most providers' default is RS256.",
            id="stateful_oauth.E012",
        )
    if tenant.client_assertion_audience not in get_args(AssertionAudience):
        yield Error(
            f"{name}: CLIENT_ASSERTION_AUDIENCE is not one of {', '.join(get_args(AssertionAudience))}.",
            hint="Auth0 takes the issuer. Okta and Entra ID want the URL that the assertion is sent to.",
            id="stateful_oauth.E070",
        )
