"""How site and tenant are set up: one choice per scenario."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator import Tenant

_KEYS: Final = {
    "linking": "LINKING",
    "trusted": "LINKING_TRUSTED_CONNECTIONS",
    "par": "PUSHED_AUTHORIZATION_REQUESTS",
    "rotation": "REFRESH_TOKEN_ROTATION",
    "app_metadata": "LINKING_APP_METADATA_KEYS",
    "scope": "SCOPE",
    "tries": "LINKING_TRIES",
    "open_per_browser": "OPEN_PER_BROWSER",
    "management_domain": "MANAGEMENT_DOMAIN",
}


ROLES: Final = {
    "claim": "https://roles.example/roles",
    "staff": ["support", "admin"],
    "superuser": ["admin"],
}


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What differs from the project's own settings. None leaves the project's setting as it is.

    Attributes:
        linking: `LINKING`.
        trusted: `LINKING_TRUSTED_CONNECTIONS`.
        app_metadata: `LINKING_APP_METADATA_KEYS`.
        par: `PUSHED_AUTHORIZATION_REQUESTS`, here and at the tenant.
        rotation: `REFRESH_TOKEN_ROTATION`, here and at the tenant.
        scope: `SCOPE`.
        tries: `LINKING_TRIES`.
        open_per_browser: `OPEN_PER_BROWSER`.
        management_domain: `MANAGEMENT_DOMAIN`, and the tenant's canonical domain beside the issuer's.
        roles: The site gives and takes away staff and superuser by roles.
        issuer_on_callback: The tenant sends `iss` with its callbacks (RFC 9207).
        search_lag: Seconds until the tenant's search index knows what happened.
        readings: Settings of the tenant for what only a real one can tell (docs/auth0-contract.md §11).
    """

    linking: str | None = None
    trusted: tuple[str, ...] | None = None
    app_metadata: tuple[str, ...] | None = None
    par: bool | None = None
    rotation: bool | None = None
    scope: str | None = None
    tries: int | None = None
    open_per_browser: int | None = None
    management_domain: str | None = None
    roles: bool = False
    issuer_on_callback: bool = False
    search_lag: int = 5
    readings: Mapping[str, Any] = field(default_factory=dict)

    def changes(self) -> dict[str, Any]:
        """Return the changed keys of `STATEFUL_OAUTH`."""
        chosen = {key: getattr(self, name) for name, key in _KEYS.items()}
        if self.roles:
            # The moment of a token is what tells which of two is the newer one.
            chosen |= {"ROLES": ROLES, "KEPT_CLAIMS": ("email", "iat")}
        return {key: value for key, value in chosen.items() if value is not None}

    def varied(self, other: Configuration) -> Configuration:
        """Return the same with what hardly matters to a scenario as it is in another one."""
        return replace(
            self,
            app_metadata=self.app_metadata if other.app_metadata is None else other.app_metadata,
            open_per_browser=other.open_per_browser,
            management_domain=other.management_domain,
            roles=self.roles or other.roles,
            issuer_on_callback=other.issuer_on_callback,
            search_lag=other.search_lag,
            readings=other.readings,
        )

    def seed_tenant(self, tenant: Tenant, client_id: str) -> None:
        """Set up the tenant's side."""
        tenant.settings.iss_on_callback = self.issuer_on_callback
        tenant.settings.search_lag = self.search_lag
        for name, value in self.readings.items():
            setattr(tenant.settings, name, value)
        if self.management_domain is not None:
            tenant.use_canonical_domain(self.management_domain)
        if self.par is not None:
            tenant.settings.par = self.par
        if self.rotation is not None:
            tenant.clients[client_id].rotation = self.rotation

    def __repr__(self) -> str:
        changed = [
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)
            if getattr(self, each.name) not in (each.default, {})
        ]
        return f"Configuration({', '.join(changed)})"
