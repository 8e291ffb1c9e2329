"""A site that connects and links accounts, and a tenant with the people for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.test import override_settings

from stateful_oauth.emulator import DATABASE, Tenant
from stateful_oauth.testing.clock import ManualClock
from tests.support import tenants

XPTO, QWERTY, VICTIM = "xpto@acme.com", "qwerty@gmail.com", "victim@example.com"
# The accounts at providers that the owner of tests/flows/connect_account has.
FIRST, SECOND, HUB = "google-oauth2|100", "google-oauth2|101", "github|102"


def prepare(tenant: Tenant) -> Tenant:
    """Add the connections and callbacks that the flows need."""
    client = tenant.clients["web"]
    client.rotation = False
    for name in ("google-oauth2", "github"):
        tenant.add_connection(name)
    return tenant


def site(**changes: Any) -> Any:
    """Return the settings of such a site, as a context manager."""
    chosen = {
        **settings.STATEFUL_OAUTH,
        "SCOPE": "openid profile email offline_access",
        "LINKING": "automatic",
        "LINKING_TRUSTED_CONNECTIONS": (DATABASE, "google-oauth2"),
        **changes,
    }
    return override_settings(STATEFUL_OAUTH=chosen)


@contextmanager
def new_tenant(clock: ManualClock) -> Iterator[Tenant]:
    """Have a tenant of its own behind the site: for tests that begin anew many times."""
    tenant = prepare(tenants.make_tenant())
    tenant.clock.follow(clock.timestamp)
    tenants.current.append(tenant)
    try:
        with site():  # a change of the settings makes the site forget the tenant of before
            yield tenant
    finally:
        tenants.current.remove(tenant)
