"""System checks of what belongs to a tenant."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured
from stateful_oauth.django.account_checks import check_accounts
from stateful_oauth.django.complaints import complaint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.django.conf import SiteSettings, TenantSettings

_ALGORITHMS: Final = ("RS256", "PS256", "HS256")
_CLIENT_AUTHENTICATION: Final = ("client_secret_post", "client_secret_basic", "private_key_jwt")
_LONGEST_LEEWAY: Final = 60  # seconds; docs/security-checklist.md T9
# It stands in addresses, beside `error/<code>/` and the callbacks of the other flows.
_ALIAS: Final = re.compile(r"(?!(?:error|connect|link)$)[A-Za-z0-9_-]{1,32}")
LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]", "::1")


def check_tenants(site: SiteSettings) -> Iterator[CheckMessage]:
    """Check the keys of each tenant."""
    for alias in site.tenant_aliases:
        tenant = site.tenant(alias)
        if not _ALIAS.fullmatch(str(alias)) or not isinstance(alias, str):
            yield complaint(
                "E019",
                f"Tenant {alias!r}: the alias cannot be part of a URL.",
                "Use up to 32 letters, digits, hyphens, or underscores. Not `error`, `connect`, or `link`.",
            )
        try:
            found = [*_tenant(tenant, insecure=site.allow_insecure_http_on_loopback)]
        except (ImproperlyConfigured, ValueError) as error:  # ValueError: not a URL
            found = [complaint("E007", f"Tenant {alias!r}: {error}", "See docs/settings.md.")]
        yield from found or _together(alias)


def _together(alias: str) -> Iterator[CheckMessage]:
    """Check what the provider would otherwise refuse at the first sign-in."""
    from stateful_oauth.auth0.client_authentication import (  # noqa: PLC0415 - not needed to serve
        client_authentication,
    )
    from stateful_oauth.django import wiring  # noqa: PLC0415 - not needed to serve

    try:
        client_authentication(wiring.provider_config(alias), wiring.clock.now)
    except ValueError as error:
        yield complaint("E017", f"Tenant {alias!r}: {error}", "See docs/settings.md.")


def _tenant(tenant: TenantSettings, *, insecure: bool) -> Iterator[CheckMessage]:
    name = f"Tenant {tenant.alias!r}"
    issuer = urlsplit(tenant.issuer)
    loopback = issuer.hostname in LOOPBACK
    if issuer.scheme != "https" and not (issuer.scheme == "http" and loopback and insecure):
        yield complaint(
            "E008",
            f"{name}: the issuer is not https.",
            "Use https. For a local emulator on loopback, set ALLOW_INSECURE_HTTP_ON_LOOPBACK.",
        )
    if tenant.domain and urlsplit(f"//{tenant.domain}").path:
        yield complaint(
            "E009", f"{name}: DOMAIN is not a bare domain.", "Write it like example.eu.auth0.com."
        )
    if not tenant.client_id:
        yield complaint("E007", f"{name}: CLIENT_ID is empty.", "Copy it from the application in Auth0.")
    yield from _client_authentication(tenant, name)
    if tenant.id_token_signing_alg not in _ALGORITHMS:
        yield complaint(
            "E012",
            f"{name}: ID_TOKEN_SIGNING_ALG is not one of {', '.join(_ALGORITHMS)}.",
            "Auth0's default is RS256.",
        )
    if not 0 <= tenant.leeway <= _LONGEST_LEEWAY:
        yield complaint(
            "E013", f"{name}: LEEWAY is not between 0 and 60 seconds.", "Correct the workers' clocks instead."
        )
    if "openid" not in str(tenant.scope).split():
        yield complaint("E014", f"{name}: SCOPE lacks `openid`.", "Without it, there is no ID token.")
    yield from _parameters(tenant, name)
    yield from _management(tenant, name)
    yield from check_accounts(tenant, name)


def _management(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    if bool(tenant.management_client_id) != bool(tenant.management_client_secret):
        yield complaint(
            "E040",
            f"{name}: one of MANAGEMENT_CLIENT_ID and MANAGEMENT_CLIENT_SECRET is empty.",
            "Copy both from the machine-to-machine application in Auth0, or leave both out.",
        )
    if tenant.management_domain and urlsplit(f"//{tenant.management_domain}").path:
        yield complaint(
            "E041",
            f"{name}: MANAGEMENT_DOMAIN is not a bare domain.",
            "Write the tenant's own domain, like example.eu.auth0.com.",
        )
    if tenant.management_client_id and find_spec("auth0") is None:
        yield complaint(
            "E042",
            f"{name}: MANAGEMENT_CLIENT_ID is set, but auth0-python is not installed.",
            "Install django-stateful-oauth[linking].",
        )
    if tenant.management_client_id and tenant.management_client_id == tenant.client_id:
        yield Warning(
            f"{name}: MANAGEMENT_CLIENT_ID is CLIENT_ID. The application for sign-in can change users.",
            hint="Create a machine-to-machine application, with only the scopes that linking needs.",
            id="stateful_oauth.W010",
        )


def _client_authentication(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    method = tenant.client_authentication
    if method not in _CLIENT_AUTHENTICATION:
        yield complaint(
            "E010",
            f"{name}: CLIENT_AUTHENTICATION is not one of {', '.join(_CLIENT_AUTHENTICATION)}.",
            "Choose the method of the application in Auth0.",
        )
    elif method == "private_key_jwt" and not tenant.private_key:
        yield complaint("E011", f"{name}: private_key_jwt needs PRIVATE_KEY.", "Set the key as PEM.")
    elif method != "private_key_jwt" and not tenant.client_secret:
        yield complaint("E011", f"{name}: CLIENT_SECRET is empty.", "Copy it from the application in Auth0.")
    if tenant.id_token_signing_alg == "HS256" and not tenant.client_secret:  # noqa: S105 - an algorithm
        yield complaint(
            "E011", f"{name}: HS256 needs CLIENT_SECRET.", "HS256 tokens are signed with the secret."
        )


def _parameters(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    from stateful_oauth.flows.engine.errors import InvalidInput  # noqa: PLC0415 - not needed to serve
    from stateful_oauth.flows.oauth.parameters import (  # noqa: PLC0415 - not needed to serve
        OWNED_PARAMETERS,
        checked_parameters,
    )

    asked = {*tenant.authorization_parameters, *tenant.request_parameters}
    if owned := sorted(OWNED_PARAMETERS & asked):
        yield complaint(
            "E015",
            f"{name}: the flow sets {', '.join(owned)} itself.",
            "Remove them. Set scopes in SCOPE.",
        )
    own = {key: value for key, value in tenant.authorization_parameters.items() if key not in owned}
    try:
        checked_parameters(own)
    except InvalidInput as error:
        yield complaint(
            "E029",
            f"{name}: AUTHORIZATION_PARAMETERS cannot be sent. {error}",
            "Use strings or whole numbers. None leaves a parameter out.",
        )
