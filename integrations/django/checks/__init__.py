"""System checks: report at start what would otherwise fail at a user's sign-in.

`site.py` checks the values for the site, `tenants.py` those of each tenant, `users.py` what users get from
claims, `project.py` what the package needs of the project around it, `hosts.py` its hosts, `cookies.py` its
own cookies, `cache.py` its cache, `database.py` its databases, and `server.py` the server's timeout.
`docs/settings.md` lists the ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's own name

from stateful_oauth.django.checks.cache import check_cache  # noqa: F401 - registers on import
from stateful_oauth.django.checks.cookies import check_cookies  # noqa: F401 - registers on import
from stateful_oauth.django.checks.database import check_reads, check_sqlite  # noqa: F401 - as above
from stateful_oauth.django.checks.hosts import check_hosts  # noqa: F401 - registers on import
from stateful_oauth.django.checks.project import check_project
from stateful_oauth.django.checks.server import check_server_timeout  # noqa: F401 - registers on import
from stateful_oauth.django.checks.site import check_types, check_values
from stateful_oauth.django.checks.tenants import check_tenants
from stateful_oauth.django.checks.users import check_users
from stateful_oauth.django.conf import conf
from stateful_oauth.django.documentation import documentation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.apps import AppConfig


@register(Tags.security)
def check_settings(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - Django calls checks with it
    **kwargs: Any,  # noqa: ARG001 - Django calls checks with it
) -> list[CheckMessage]:
    """Check `STATEFUL_OAUTH` and what it needs of the project."""
    values = getattr(settings, "STATEFUL_OAUTH", None)
    if not isinstance(values, dict):
        return [
            Error(
                "STATEFUL_OAUTH is missing, or is not a dict.",
                hint="Add it as the README shows.",
                id="stateful_oauth.E001",
            )
        ]
    if wrong := [*check_types(values)]:
        return wrong  # the other checks compute with the values
    wrong = [*check_values(values, conf), *check_tenants(conf), *check_project(conf)]
    # These need the user model and the URLs.
    return wrong if any(each.is_serious() for each in wrong) else [*wrong, *check_users(conf)]


@register(Tags.security, deploy=True)
def check_deployment(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - Django calls checks with it
    **kwargs: Any,  # noqa: ARG001 - Django calls checks with it
) -> list[CheckMessage]:
    """Check what is fine in development, but not in production (`check --deploy`)."""
    values = getattr(settings, "STATEFUL_OAUTH", None)
    return [*_undeployable(values)] if isinstance(values, dict) else []


def _undeployable(values: Mapping[str, Any]) -> Iterator[CheckMessage]:
    if not values.get("ENCRYPTION_KEYS"):
        yield Warning(
            "ENCRYPTION_KEYS is empty. Secrets are encrypted with a key derived from SECRET_KEY.",
            hint="Set ENCRYPTION_KEYS, so that you can rotate the keys separately. "
            f"See {documentation('settings', 'rotate-the-encryption-key')}.",
            id="stateful_oauth.W001",
        )
    if values.get("ALLOW_INSECURE_HTTP_ON_LOOPBACK"):
        yield Warning(
            "ALLOW_INSECURE_HTTP_ON_LOOPBACK is True. A provider on this machine is called without TLS.",
            hint="Remove it. It is for the emulator, during development.",
            id="stateful_oauth.W004",
        )
    if values.get("TRANSPORT_ADAPTER") is not None:
        yield Warning(
            "TRANSPORT_ADAPTER is set. All calls to the provider go through it, with codes and tokens, "
            "and it can respond in the provider's place.",
            hint="Remove it. It is for tests.",
            id="stateful_oauth.W005",
        )
    if values.get("SHOW_UNTRUSTED_ERROR_DESCRIPTION"):
        yield Warning(
            "SHOW_UNTRUSTED_ERROR_DESCRIPTION is True. Error pages show text from the callback's URL.",
            hint="Keep it only if your Actions write texts for users. Silence this check then.",
            id="stateful_oauth.W016",
        )
    tenants = values.get("TENANTS") or {"": values}
    for alias, tenant in tenants.items() if isinstance(tenants, Mapping) else ():
        if not isinstance(tenant, Mapping) or tenant.get("CONNECTIONS"):
            continue
        if "offline_access" in str(tenant.get("SCOPE", "")).split():
            place = f"TENANTS[{alias!r}]: " if alias else ""
            yield Warning(
                f"{place}CONNECTIONS is empty. A form can name any connection of the application.",
                hint='Name the connections in CONNECTIONS, or allow all of them with {"*": {}}.',
                id="stateful_oauth.W014",
            )
