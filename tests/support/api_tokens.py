"""Access tokens of the test's tenant for an API of the site."""

from __future__ import annotations

from typing import Any

from stateful_oauth.emulator import Tenant
from stateful_oauth.emulator.tokens import Subject, access_token
from stateful_oauth.emulator.tokens import machine_token as issue_machine_token

API = "https://api.example/"


def user_token(
    tenant: Tenant, email: str, *, scopes: list[str] | None = None, audience: str = API, **fields: Any
) -> str:
    """A token of a user, as the tenant gives it to the application `web`."""
    _add_api(tenant, audience)
    user, granted = tenant.users.by_email(email)[0], scopes or ["read:things"]
    subject = Subject(user, tenant.clients["web"], "sid", granted, audience, **fields)
    return access_token(tenant, subject)[0]


def machine_token(tenant: Tenant, scopes: list[str] | None = None) -> str:
    """A token of the application `linker` for itself."""
    _add_api(tenant, API)
    return issue_machine_token(tenant, tenant.clients["linker"], API, scopes or ["read:things"], None)[0]


def _add_api(tenant: Tenant, audience: str) -> None:
    if audience not in tenant.apis:
        tenant.add_api(audience, scopes=["read:things", "write:things"])
