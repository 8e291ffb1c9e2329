"""An emulated tenant that knows the project's application: made from the project's own settings."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from django.conf import settings
from django.http.request import validate_host
from django.test import override_settings

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callbacks import callback_url
from stateful_oauth.django.conf import DEFAULT_TENANT, conf
from stateful_oauth.django.declarations import callbacks
from stateful_oauth.emulator import DATABASE, Tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests.adapters import BaseAdapter

    from stateful_oauth.django.conf import TenantSettings
    from stateful_oauth.testing.clock import ManualClock

_WELL_KNOWN: Final = ("github", "google-oauth2", "windowslive")
MANAGEMENT_SCOPES: Final = ("read:users", "update:users", "update:users_app_metadata")


def tenant_of_settings(alias: str = DEFAULT_TENANT) -> Tenant:
    """Return a tenant with the application, the URLs and the connections that the settings name.

    It has no users yet: `tenant.add_user(…)`.

    Args:
        alias: Which tenant of `STATEFUL_OAUTH['TENANTS']`.

    Raises:
        KeyError: There is no such tenant in the settings.
    """
    chosen = conf.tenant(alias)
    tenant = Tenant(issuer=chosen.issuer)
    tenant.settings.par = bool(chosen.pushed_authorization_requests)
    tenant.add_client(
        client_id=chosen.client_id,
        client_secret=None if chosen.private_key else chosen.client_secret or None,
        public_keys=[_public_key(chosen.private_key)] if chosen.private_key else (),
        callbacks=[
            callback_url(alias, each.name, base_url=base_url)
            for each in callbacks()
            for base_url in conf.base_urls
        ],
        logout_urls=[base_url + conf.logout_return_path for base_url in conf.base_urls],
        signing_alg=chosen.id_token_signing_alg,
        rotation=bool(chosen.refresh_token_rotation),
    )
    tenant.allow_connected_accounts(chosen.client_id)
    _let_manage(tenant, chosen)
    for name in dict.fromkeys([*chosen.connections, *chosen.linking_trusted_connections]):
        if name != DATABASE:
            tenant.add_connection(name)
    if audience := chosen.authorization_parameters.get("audience"):
        tenant.add_api(audience)
    return tenant


def _let_manage(tenant: Tenant, chosen: TenantSettings) -> None:
    client_id = chosen.management_client_id or chosen.client_id
    if client_id not in tenant.clients:
        tenant.add_client(client_id=client_id, client_secret=chosen.management_client_secret)
    tenant.allow_management(client_id, MANAGEMENT_SCOPES)


def _public_key(private_key: str) -> str:
    public = load_pem_private_key(private_key.encode(), None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@contextmanager
def at_the_tenant(
    tenant: Tenant, clock: ManualClock, *, adapter: BaseAdapter | None = None, **changes: Any
) -> Iterator[None]:
    """Have the site talk to an emulated tenant, and both live by one clock, for the duration.

    Args:
        adapter: The way to the tenant; its own when left out.
        changes: Of `STATEFUL_OAUTH`, by key.
    """
    tenant.clock.follow(clock.timestamp)
    before, wiring.clock = wiring.clock, clock
    values = {
        **settings.STATEFUL_OAUTH,
        "TRANSPORT_ADAPTER": adapter or tenant.adapter(),
        "PROVIDER_USERINFO": _userinfo(tenant),
        **changes,
    }
    try:
        # A new project allows no host: Django's test runner adds `testserver` alone.
        host = urlsplit(str(values.get("BASE_URL", ""))).hostname or ""
        allowed = [*settings.ALLOWED_HOSTS]
        if host and not validate_host(host, allowed):
            allowed.append(host)
        with override_settings(STATEFUL_OAUTH=values, ALLOWED_HOSTS=allowed):
            yield
    finally:
        wiring.clock = before
        forget_provider()


def _userinfo(tenant: Tenant) -> dict[str, Any]:
    """Return where connected accounts are asked who they are: the tenant stands in for their providers."""
    names = {*tenant.people.connections, *_WELL_KNOWN} - {DATABASE}
    return {name: {"url": f"{tenant.issuer}_provider/{name}/userinfo"} for name in sorted(names)}


def forget_provider() -> None:
    """Forget what this process keeps of the provider, as a process that starts anew."""
    wiring.provider.cache_clear()
    wiring.engine.cache_clear()
