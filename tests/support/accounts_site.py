"""A site that connects and links accounts, and a tenant with the people for it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.test import override_settings

from stateful_oauth.integrations.emulator import DATABASE, Tenant

XPTO, QWERTY, VICTIM = "xpto@acme.com", "qwerty@gmail.com", "victim@example.com"


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
