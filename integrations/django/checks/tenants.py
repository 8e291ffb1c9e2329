"""System checks of what belongs to a tenant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise

from stateful_oauth.django.checks.client_credentials import client_credentials
from stateful_oauth.django.checks.providers import check_provider
from stateful_oauth.django.declarations import callbacks
from stateful_oauth.django.documentation import documentation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.django.conf import SiteSettings, TenantSettings

_ACCESS_TOKEN_ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
_LONGEST_LEEWAY: Final = 60  # seconds; docs/security-checklist.md T9
_ALIAS: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]", "::1")
_ASKING: Final = {"login", "select_account"}  # OpenID Connect Core §3.1.2.1
_MODES: Final = ("off", "confirm", "automatic")
_MOST_TRIES: Final = 10
_LONGEST_CONNECTION: Final = 128  # characters; My Account API
_MEMBERS: Final[dict[str, tuple[type, ...]]] = {
    "title": (str, Promise),  # a promise is a text that is translated later
    "scopes": (list, tuple, set, frozenset),
    "parameters": (dict, Mapping),
}


def _reserved() -> set[str]:
    """Return the first parts of URLs that an alias would hide, such as `connect`."""
    return {"error", *(each.path.split("/")[0] for each in callbacks() if each.path.count("/") > 1)}


def check_tenants(site: SiteSettings) -> Iterator[CheckMessage]:
    """Check the keys of each tenant."""
    for alias in site.tenant_aliases:
        tenant = site.tenant(alias)
        if not _ALIAS.fullmatch(str(alias)) or alias in _reserved() or not isinstance(alias, str):
            yield Error(
                f"Tenant {alias!r}: the alias cannot be part of a URL.",
                hint="Use up to 32 letters, digits, hyphens, or underscores. Not "
                f"{', '.join(sorted(_reserved()))}.",
                id="stateful_oauth.E019",
            )
        try:
            found = [*_tenant(tenant, insecure=site.allow_insecure_http_on_loopback)]
        except (ImproperlyConfigured, ValueError) as error:  # ValueError: not a URL
            found = [
                Error(
                    f"Tenant {alias!r}: {error}",
                    hint=f"See {documentation('settings', 'the-tenant')}.",
                    id="stateful_oauth.E007",
                )
            ]
        yield from found or _together(alias)


def _together(alias: str) -> Iterator[CheckMessage]:
    """Check what the provider would otherwise refuse at the first sign-in."""
    from stateful_oauth.auth0.client_authentication import (  # noqa: PLC0415 - not needed to serve
        client_authentication,
    )
    from stateful_oauth.django import wiring  # noqa: PLC0415 - not needed to serve

    try:
        config = wiring.provider_config(alias)
        client_authentication(config, wiring.clock.now)
        if config.client_certificate:
            wiring.new_transport(config).close()
    except (ValueError, OSError) as error:  # OSError: a certificate cannot be read
        yield Error(
            f"Tenant {alias!r}: {error}",
            hint=f"See {documentation('settings', 'the-tenant')}.",
            id="stateful_oauth.E017",
        )


def _tenant(tenant: TenantSettings, *, insecure: bool) -> Iterator[CheckMessage]:
    name = f"Tenant {tenant.alias!r}"
    issuer = urlsplit(tenant.issuer)
    loopback = issuer.hostname in LOOPBACK
    if issuer.scheme != "https" and not (issuer.scheme == "http" and loopback and insecure):
        yield Error(
            f"{name}: the issuer is not https.",
            hint="Use https. For a local emulator, set ISSUER to its URL, for example "
            "'http://127.0.0.1:9400/', and ALLOW_INSECURE_HTTP_ON_LOOPBACK to True.",
            id="stateful_oauth.E008",
        )
    if tenant.domain and urlsplit(f"//{tenant.domain}").path:
        yield Error(
            f"{name}: DOMAIN is not a bare domain.",
            hint="Write it like example.eu.auth0.com.",
            id="stateful_oauth.E009",
        )
    if not tenant.client_id:
        yield Error(
            f"{name}: CLIENT_ID is empty.",
            hint="Copy it from the application in Auth0.",
            id="stateful_oauth.E007",
        )
    yield from check_provider(tenant, name)
    yield from client_credentials(tenant, name)
    yield from _own_api(tenant, name)
    if not 0 <= tenant.leeway <= _LONGEST_LEEWAY:
        yield Error(
            f"{name}: LEEWAY is not between 0 and 60 seconds.",
            hint="Correct the workers' clocks instead.",
            id="stateful_oauth.E013",
        )
    if "openid" not in str(tenant.scope).split():
        yield Error(
            f"{name}: SCOPE lacks `openid`.",
            hint="Without it, there is no ID token.",
            id="stateful_oauth.E014",
        )
    asked = set(str(tenant.another_account_prompt).split())
    if not asked & _ASKING or "none" in asked:
        yield Error(
            f"{name}: ANOTHER_ACCOUNT_PROMPT does not have the provider ask which account it is to be.",
            hint="Use login, or select_account if the provider has a list of accounts.",
            id="stateful_oauth.E061",
        )
    yield from _parameters(tenant, name)
    yield from _management(tenant, name)
    yield from _linking(tenant, name)
    yield from _connections(tenant, name)


def _own_api(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    if tenant.access_token_signing_alg not in _ACCESS_TOKEN_ALGORITHMS:
        yield Error(
            f"{name}: ACCESS_TOKEN_SIGNING_ALG is not one of {', '.join(_ACCESS_TOKEN_ALGORITHMS)}.",
            hint="Auth0's default is RS256. A shared secret (HS256) is not supported for APIs.",
            id="stateful_oauth.E080",
        )
    if tenant.api_audience and tenant.api_audience == tenant.client_id:
        yield Error(
            f"{name}: API_AUDIENCE is CLIENT_ID, for which ID tokens are.",
            hint="Set it to the identifier of the API in Auth0.",
            id="stateful_oauth.E081",
        )


def _management(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    if bool(tenant.management_client_id) != bool(tenant.management_client_secret):
        yield Error(
            f"{name}: one of MANAGEMENT_CLIENT_ID and MANAGEMENT_CLIENT_SECRET is empty.",
            hint="Copy both from the machine-to-machine application in Auth0, or leave both out.",
            id="stateful_oauth.E040",
        )
    if tenant.management_domain and urlsplit(f"//{tenant.management_domain}").path:
        yield Error(
            f"{name}: MANAGEMENT_DOMAIN is not a bare domain.",
            hint="Write the tenant's own domain, like example.eu.auth0.com.",
            id="stateful_oauth.E041",
        )
    if tenant.management_client_id and find_spec("auth0") is None:
        yield Error(
            f"{name}: MANAGEMENT_CLIENT_ID is set, but auth0-python is not installed.",
            hint="Install django-stateful-oauth[linking].",
            id="stateful_oauth.E042",
        )
    if tenant.management_client_id and tenant.management_client_id == tenant.client_id:
        yield Warning(
            f"{name}: MANAGEMENT_CLIENT_ID is CLIENT_ID. The application for sign-in can change users.",
            hint="Create a machine-to-machine application, with only the scopes that linking needs.",
            id="stateful_oauth.W010",
        )


def _parameters(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    from stateful_oauth.flows.engine.errors import InvalidInput  # noqa: PLC0415 - not needed to serve
    from stateful_oauth.flows.oauth.parameters import (  # noqa: PLC0415 - not needed to serve
        OWNED_PARAMETERS,
        checked_parameters,
    )

    asked = {*tenant.authorization_parameters, *tenant.request_parameters}
    if owned := sorted(OWNED_PARAMETERS & asked):
        yield Error(
            f"{name}: the flow sets {', '.join(owned)} itself.",
            hint="Remove them. Set scopes in SCOPE.",
            id="stateful_oauth.E015",
        )
    own = {key: value for key, value in tenant.authorization_parameters.items() if key not in owned}
    try:
        checked_parameters(own)
    except InvalidInput as error:
        yield Error(
            f"{name}: AUTHORIZATION_PARAMETERS cannot be sent. {error}",
            hint="Use strings or whole numbers. None leaves a parameter out.",
            id="stateful_oauth.E029",
        )


def _linking(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    mode, tries = tenant.linking, tenant.linking_tries
    if mode not in _MODES:
        yield Error(
            f"{name}: LINKING is not one of {', '.join(_MODES)}.",
            hint=f"See {documentation('linking', 'switch-it-on')}.",
            id="stateful_oauth.E043",
        )
    elif mode != "off" and not tenant.management_client_id:
        yield Error(
            f"{name}: LINKING is {mode}, but MANAGEMENT_CLIENT_ID is empty.",
            hint="Linking uses the Management API. Create a machine-to-machine application for it.",
            id="stateful_oauth.E044",
        )
    if not isinstance(tries, int) or not 1 <= tries <= _MOST_TRIES:
        yield Error(
            f"{name}: LINKING_TRIES is not a whole number from 1 to 10.",
            hint="The default is 3.",
            id="stateful_oauth.E045",
        )
    lists = ("LINKING_TRUSTED_CONNECTIONS", "LINKING_APP_METADATA_KEYS")
    for key in lists:
        if "" in getattr(tenant, key.lower()):
            yield Error(
                f"{name}: {key} has an empty name.",
                hint="Remove it.",
                id="stateful_oauth.E047",
            )
    if mode == "automatic" and not tenant.linking_trusted_connections:
        yield Warning(
            f"{name}: LINKING is automatic, but LINKING_TRUSTED_CONNECTIONS is empty.",
            hint="Name the connections whose verified emails may link without a question, or use `confirm`.",
            id="stateful_oauth.W011",
        )


def _connections(tenant: TenantSettings, name: str) -> Iterator[CheckMessage]:
    if not tenant.connections:
        return
    for connection, chosen in tenant.connections.items():
        if flaw := _flaw(connection, chosen):
            yield Error(
                f"{name}: CONNECTIONS[{str(connection)[:40]!r}] {flaw}",
                hint='Write it like {"github": {"title": "GitHub", "scopes": ["repo"], "parameters": {}}}.',
                id="stateful_oauth.E046",
            )
    if "offline_access" not in str(tenant.scope).split():
        yield Warning(
            f"{name}: CONNECTIONS is set, but SCOPE lacks `offline_access`.",
            hint="Add it. Without a refresh token, users cannot connect accounts.",
            id="stateful_oauth.W012",
        )
    if tenant.refresh_token_rotation:
        yield Warning(
            f"{name}: CONNECTIONS is set, but REFRESH_TOKEN_ROTATION is on.",
            hint="Token Vault identifies the account's owner, and needs rotation off, in Auth0 and here.",
            id="stateful_oauth.W013",
        )


def _flaw(connection: object, chosen: Any) -> str:
    """Return the error in an entry of `CONNECTIONS`, as the end of a sentence, or an empty string."""
    if not isinstance(connection, str) or not 0 < len(connection) <= _LONGEST_CONNECTION:
        return "is not the name of a connection. A name has 1 to 128 characters."
    if not isinstance(chosen, Mapping):
        return "is not a dict."
    if unknown := sorted(str(key) for key in chosen if key not in _MEMBERS):
        return f"has unknown keys: {', '.join(unknown)}."
    wrong = [key for key, types in _MEMBERS.items() if not isinstance(chosen.get(key, types[0]()), types)]
    return f"has {' and '.join(wrong)} of the wrong type." if wrong else _unusable(chosen)


def _unusable(chosen: Mapping[str, Any]) -> str:
    """Return which of an entry's scopes and parameters the My Account API does not accept."""
    # Not needed to serve a page, and python-statemachine takes its time to import.
    from stateful_oauth.flows.connect_account.inputs import AUTHORIZATION_PARAMS  # noqa: PLC0415
    from stateful_oauth.flows.engine.errors import InvalidInput  # noqa: PLC0415
    from stateful_oauth.flows.oauth.parameters import checked_parameters, checked_scopes  # noqa: PLC0415

    try:
        checked_scopes(chosen.get("scopes", ()))
        others = checked_parameters(chosen.get("parameters", {})).keys() - AUTHORIZATION_PARAMS
    except InvalidInput as error:
        return f"cannot be sent. {error}"
    return f"has parameters that connecting does not accept: {', '.join(sorted(others))}." if others else ""
