"""Configuration from JSON: the people file of the server, and the bodies of the control API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from stateful_oauth.emulator.clients import SigningAlg

if TYPE_CHECKING:
    from collections.abc import Callable

    from stateful_oauth.emulator.state import TenantState

TEXT, FLAG, NUMBER, TEXTS, OBJECT, POLICIES = "text", "flag", "number", "list of texts", "object", "policies"

SHAPES: dict[str, dict[str, str]] = {
    "connections": {
        "name": TEXT,
        "strategy": TEXT,
        "display_name": TEXT,
        "scopes": TEXTS,
        "connected_accounts": FLAG,
        "refresh_tokens": FLAG,
        "refresh_token_ttl": NUMBER,
    },
    "apis": {
        "identifier": TEXT,
        "name": TEXT,
        "scopes": TEXTS,
        "token_ttl": NUMBER,
        "allow_offline_access": FLAG,
        "skip_consent": FLAG,
        "refreshable": FLAG,
    },
    "clients": {
        "client_id": TEXT,
        "client_secret": TEXT,
        "name": TEXT,
        "callbacks": TEXTS,
        "logout_urls": TEXTS,
        "backchannel_logout_url": TEXT,
        "grant_types": TEXTS,
        "signing_alg": TEXT,
        "rotation": FLAG,
        "leeway": NUMBER,
        "refresh_token_ttl": NUMBER,
        "refresh_policies": POLICIES,
        "public_keys": TEXTS,
        "secret_assertions": FLAG,
        "connections": TEXTS,
        "organization_usage": TEXT,
        "first_party": FLAG,
        "require_pkce": FLAG,
        "require_par": FLAG,
        "initiate_login_uri": TEXT,
        "resource_server": TEXT,
    },
    "client_grants": {"client_id": TEXT, "audience": TEXT, "scopes": TEXTS},
    "management_grants": {"client_id": TEXT, "scopes": TEXTS},
    "connected_accounts_grants": {"client_id": TEXT, "scopes": TEXTS},
    "users": {
        "email": TEXT,
        "name": TEXT,
        "connection": TEXT,
        "password": TEXT,
        "email_verified": FLAG,
        "user_id": TEXT,
        "signed_up": FLAG,
        "blocked": FLAG,
        "user_metadata": OBJECT,
        "app_metadata": OBJECT,
        "given_name": TEXT,
        "family_name": TEXT,
        "nickname": TEXT,
        "picture": TEXT,
    },
    "organizations": {"name": TEXT, "org_id": TEXT, "display_name": TEXT, "members": TEXTS},
    "connected_accounts": {"user_id": TEXT, "account": TEXT, "connection": TEXT, "scopes": TEXTS},
}
"""What each kind of thing may have. In a file they are added in this order."""

REQUIRED = {
    "connections": ("name",),
    "apis": ("identifier",),
    "clients": (),
    "client_grants": ("client_id", "audience"),
    "management_grants": ("client_id",),
    "connected_accounts_grants": ("client_id",),
    "users": (),
    "organizations": ("name",),
    "connected_accounts": ("user_id", "account"),
}
CHOICES = {
    "signing_alg": {*get_args(SigningAlg)},
    "organization_usage": {"deny", "allow", "require"},
}


class SeedError(ValueError):
    """The configuration is not understood; the message says what and where."""


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_CHECKS: dict[str, Callable[[object], bool]] = {
    TEXT: lambda value: isinstance(value, str),
    FLAG: lambda value: isinstance(value, bool),
    NUMBER: lambda value: isinstance(value, int) and not isinstance(value, bool),
    TEXTS: _texts,
    OBJECT: lambda value: isinstance(value, dict),
    POLICIES: lambda value: isinstance(value, dict) and all(_texts(item) for item in value.values()),
}


def check(kind: str, data: object) -> dict[str, Any]:
    """Return the fields of one thing if they are as they should be, or raise ``SeedError``."""
    if not isinstance(data, dict):
        raise SeedError(f"{kind}: each entry must be an object.")
    shape = SHAPES[kind]
    for name, value in data.items():
        if name not in shape:
            raise SeedError(f"{kind}: there is no field {name!r}; there are: {', '.join(shape)}.")
        if not _CHECKS[shape[name]](value):
            raise SeedError(f"{kind}: {name} must be a {shape[name]}.")
        if name in CHOICES and value not in CHOICES[name]:
            raise SeedError(f"{kind}: {name} must be one of {', '.join(sorted(CHOICES[name]))}.")
    for name in REQUIRED[kind]:
        if name not in data:
            raise SeedError(f"{kind}: {name} is missing.")
    return dict(data)


def add(tenant: TenantState, kind: str, data: object) -> Any:
    """Add one thing to the tenant, and return it."""
    fields = check(kind, data)
    adders: dict[str, Callable[..., Any]] = {
        "connections": tenant.add_connection,
        "apis": tenant.add_api,
        "clients": tenant.add_client,
        "client_grants": tenant.add_client_grant,
        "management_grants": tenant.allow_management,
        "connected_accounts_grants": tenant.allow_connected_accounts,
        "users": tenant.add_user,
        "organizations": tenant.add_organization,
        "connected_accounts": tenant.connect_account,
    }
    try:
        return adders[kind](**fields)
    except ValueError as error:
        raise SeedError(f"{kind}: {error}") from error


def seed(tenant: TenantState, data: object) -> None:
    """Add everything in a document ``{"users": [...], "clients": [...], "settings": {...}, ...}``."""
    if not isinstance(data, dict) or not set(data) <= {*SHAPES, "settings"}:
        raise SeedError(f"The document must be an object with: {', '.join([*SHAPES, 'settings'])}.")
    change_settings(tenant, data.get("settings", {}))
    for kind in SHAPES:
        entries = data.get(kind, [])
        if not isinstance(entries, list):
            raise SeedError(f"{kind} must be a list.")
        for entry in entries:
            add(tenant, kind, entry)


def change_settings(tenant: TenantState, changes: object) -> None:
    """Change tenant settings by name."""
    if not isinstance(changes, Mapping):
        raise SeedError("settings must be an object.")
    for name, value in changes.items():
        before = getattr(tenant.settings, str(name), None)
        if before is None or type(value) is not type(before):
            raise SeedError(f"settings: there is no {name!r} that could be {value!r}.")
    for name, value in changes.items():
        setattr(tenant.settings, name, value)
