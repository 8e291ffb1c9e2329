"""System checks: report at start what would otherwise fail at a user's sign-in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import NoReverseMatch, reverse
from django.utils.connection import ConnectionDoesNotExist
from django.utils.module_loading import import_string
from stateful_oauth.django.complaints import complaint
from stateful_oauth.django.conf import (
    DEFAULT_TENANT,
    SITE_DEFAULTS,
    TENANT_DEFAULTS,
    SiteSettings,
    conf,
)
from stateful_oauth.django.tenant_checks import LOOPBACK, check_tenants

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from urllib.parse import SplitResult

    from django.apps import AppConfig

_AUTH0_TRANSACTION: Final = 3600  # seconds; Auth0 forgets a login after that
_RETURN_PATH: Final = re.compile(r"/(?![/\\]).*|")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 6265 §4.1.1, RFC 2616 §2.2
_LEAST: Final = {
    "OPEN_PER_BROWSER": 1,
    "DUPLICATE_GRACE": 0,
    "DUPLICATE_PATIENCE": 0,
    "HELD_SIGN_IN_LIFETIME": 60,
}
_VENDORS: Final = ("postgresql", "sqlite")
_MIDDLEWARE: Final = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)


@register(Tags.security)
def check_settings(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - Django calls checks with it
    **kwargs: Any,  # noqa: ARG001 - Django calls checks with it
) -> list[CheckMessage]:
    """Check `STATEFUL_OAUTH` and what it needs of the project."""
    values = getattr(settings, "STATEFUL_OAUTH", None)
    if not isinstance(values, dict):
        return [
            complaint("E001", "STATEFUL_OAUTH is missing, or is not a dict.", "Add it as the README shows.")
        ]
    if wrong := [*_types(values)]:
        return wrong  # the other checks compute with the values
    return [
        *_unknown_keys(values),
        *_site(conf),
        *_numbers(conf),
        *_names(conf),
        *_paths(conf),
        *_which_tenants(values),
        *check_tenants(conf),
        *_project(),
    ]


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
            hint="Set ENCRYPTION_KEYS, so that you can rotate the keys separately. See docs/settings.md.",
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


def _types(values: Mapping[str, Any]) -> Iterator[CheckMessage]:
    places = [("", values, {**SITE_DEFAULTS, **TENANT_DEFAULTS})]
    tenants = values.get("TENANTS", {})
    for alias, tenant in tenants.items() if isinstance(tenants, Mapping) else ():
        if isinstance(tenant, Mapping):
            places.append((f"TENANTS[{alias!r}]: ", tenant, TENANT_DEFAULTS))
        else:
            yield complaint("E016", f"TENANTS[{alias!r}] is not a dict.", "See docs/settings.md.")
    for place, given, defaults in places:
        for key in given.keys() & defaults.keys():
            name, expected = _expected(defaults[key])
            value = given[key]
            wrong = not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected)
            if not wrong and isinstance(defaults[key], tuple):
                wrong = not all(
                    isinstance(each, (str, bytes) if key == "ENCRYPTION_KEYS" else str) for each in value
                )
            if wrong:
                yield complaint("E016", f"{place}{key} is not {name}.", "See docs/settings.md.")


def _expected(default: object) -> tuple[str, tuple[type, ...]]:
    """Return the type name and types of a value, from its default; without a default, a string."""
    if default is None:
        return "anything", (object, bool)
    if isinstance(default, bool):
        return "True or False", (bool,)
    if isinstance(default, (int, float)):
        return "a number", (int, float)
    if isinstance(default, tuple):
        return "a list of strings", (list, tuple, set, frozenset)
    if isinstance(default, dict):
        return "a dict", (Mapping,)
    return "a string", (str,)


def _unknown_keys(values: Mapping[str, Any]) -> Iterator[CheckMessage]:
    known = SITE_DEFAULTS.keys() | TENANT_DEFAULTS.keys()
    unknown = {str(key) for key in values if key not in known}
    for alias, tenant in values.get("TENANTS", {}).items():
        unknown |= {f"TENANTS[{alias!r}][{key!r}]" for key in tenant if key not in TENANT_DEFAULTS}
    if unknown:
        yield complaint(
            "E002",
            f"STATEFUL_OAUTH has unknown keys: {', '.join(sorted(unknown))}.",
            "See docs/settings.md.",
        )


def _site(site: SiteSettings) -> Iterator[CheckMessage]:
    try:
        base = _split(site.base_url)
    except ImproperlyConfigured as error:
        yield complaint(
            "E003", str(error), "Set BASE_URL to your site's URL, for example https://www.example.com."
        )
        return
    if base is None or not _is_origin(base):
        yield complaint(
            "E003", "BASE_URL is not just scheme and host.", "Write it like https://www.example.com."
        )
    elif base.scheme == "http" and base.hostname not in LOOPBACK:
        yield complaint(
            "E004", "BASE_URL is not https.", "Serve the site over https, because browsers send codes to it."
        )
    try:
        return_path = site.logout_return_path
    except NoReverseMatch:  # `LOGOUT_REDIRECT_URL`, which stands in for it, may be the name of a pattern
        return_path = "nowhere"
    if not _RETURN_PATH.fullmatch(return_path):
        yield complaint(
            "E018",
            "LOGOUT_RETURN_PATH is not a path of this site.",
            "Write a path like /goodbye/. If it is empty, set LOGOUT_REDIRECT_URL to such a path.",
        )
    if site.encryption_keys:
        yield from _key_ring()


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:  # brackets that do not match
        return None


def _is_origin(base: SplitResult) -> bool:
    """Whether it is scheme, host and perhaps a port, and nothing else."""
    try:
        port = base.port
    except ValueError:  # no number, or more than 65535
        return False
    others = (base.path, base.query, base.fragment, base.username is not None, base.netloc.endswith(":"))
    return base.scheme in ("http", "https") and bool(base.hostname) and port != 0 and not any(others)


def _numbers(site: SiteSettings) -> Iterator[CheckMessage]:
    if not 0 < site.transaction_lifetime <= _AUTH0_TRANSACTION:
        yield complaint(
            "E005",
            "TRANSACTION_LIFETIME is not between 1 and 3600 seconds.",
            "Auth0 forgets a sign-in after an hour. The default is 600.",
        )
    for key, least in _LEAST.items():
        # Written so that NaN, which is neither more nor less, is wrong, too.
        if not getattr(site, key.lower()) >= least:
            yield complaint("E033", f"{key} is less than {least}.", "See docs/settings.md.")


def _names(site: SiteSettings) -> Iterator[CheckMessage]:
    if not _TOKEN.fullmatch(site.cookie_name):
        yield complaint(
            "E031",
            "COOKIE_NAME cannot be the name of a cookie.",
            "Use letters, digits, hyphens, and underscores (a token as in RFC 6265).",
        )
    if not all(host and "/" not in host for host in site.allowed_next_hosts):
        yield complaint(
            "E032",
            "ALLOWED_NEXT_HOSTS has a value that is not a host.",
            "Write hosts without a scheme, for example shop.example.com.",
        )


def _paths(site: SiteSettings) -> Iterator[CheckMessage]:
    adapter = site.transport_adapter
    places = [("FLOWS", path) for path in site.flows]
    if isinstance(adapter, str):
        places.append(("TRANSPORT_ADAPTER", adapter))
    for key, path in places:
        try:
            import_string(path)
        except ImportError as error:
            yield complaint("E030", f"{key} names {path!r}, which cannot be imported.", str(error))


def _which_tenants(values: Mapping[str, Any]) -> Iterator[CheckMessage]:
    tenants = values.get("TENANTS")
    if not tenants:
        return
    if DEFAULT_TENANT not in tenants:
        yield complaint(
            "E027",
            f"TENANTS has no tenant {DEFAULT_TENANT!r}.",
            f"Name one tenant {DEFAULT_TENANT!r}. URLs without an alias, for example login/, belong to it.",
        )
    if ignored := sorted(values.keys() & TENANT_DEFAULTS.keys()):
        yield complaint(
            "E028",
            f"STATEFUL_OAUTH has {', '.join(ignored)} beside TENANTS, where they have no effect.",
            "Move them into the tenants.",
        )


def _key_ring() -> Iterator[CheckMessage]:
    from stateful_oauth.storage import encryption  # noqa: PLC0415 - cryptography is slow to import

    try:
        encryption.unseal(encryption.seal(b"", place="check"), place="check")
    except ImproperlyConfigured as error:
        yield complaint("E006", "ENCRYPTION_KEYS has a value that is not a Fernet key.", str(error))


def _project() -> Iterator[CheckMessage]:
    from stateful_oauth.django.backends import backend_path  # noqa: PLC0415 - loads models

    try:
        backend_path()
    except (ImproperlyConfigured, ImportError) as error:
        yield complaint("E020", "AUTHENTICATION_BACKENDS has no Auth0 backend.", str(error))
    if "stateful_oauth.storage" not in settings.INSTALLED_APPS and not _app_installed():
        yield complaint(
            "E021", "The tables are not installed.", "Add 'stateful_oauth.storage' to INSTALLED_APPS."
        )
    else:
        yield from _database()
    if not settings.USE_TZ:
        yield complaint(
            "E025", "USE_TZ is False.", "Set USE_TZ = True, because deadlines need aware datetimes."
        )
    if missing := [name for name in _callbacks(conf) if not _is_there(name)]:
        yield complaint(
            "E022",
            f"The package's URLs are not included: {', '.join(missing)}.",
            "Include 'stateful_oauth.django.urls' in your URLconf.",
        )
    for name in _MIDDLEWARE:
        if not _has_middleware(name):
            yield complaint(
                "E023", f"MIDDLEWARE lacks {name}.", "Add it. Without it, no user stays signed in."
            )
    try:
        get_template("stateful_oauth/error.html")
    except (ImproperlyConfigured, TemplateDoesNotExist):
        yield complaint(
            "E024",
            "The package's templates are not found.",
            "Add 'stateful_oauth.django' to INSTALLED_APPS, and set APP_DIRS in TEMPLATES.",
        )
    if settings.SESSION_COOKIE_SAMESITE == "Strict":
        yield Warning(
            "SESSION_COOKIE_SAMESITE is 'Strict'. The first page after sign-in does not see the session.",
            hint="Use 'Lax', which is Django's default.",
            id="stateful_oauth.W002",
        )
    if settings.SESSION_ENGINE == "django.contrib.sessions.backends.signed_cookies":
        yield Warning(
            "Sessions are stored in cookies. The server cannot end them.",
            hint="Use the db, cache, or cached_db engine.",
            id="stateful_oauth.W003",
        )


def _callbacks(site: SiteSettings) -> Iterator[str]:
    """Name the callbacks of the flows that are in use."""
    yield "callback"
    if any(site.tenant(alias).connections for alias in site.tenant_aliases):
        yield "connect_callback"
    if site.links_accounts:
        yield "link_callback"


def _is_there(name: str) -> bool:
    try:
        reverse(f"stateful_oauth:{name}")
    except NoReverseMatch:
        return False
    return True


def _database() -> Iterator[CheckMessage]:
    """Check that one database transaction can hold a settled step and all its rows."""
    from stateful_oauth.storage.models import FlowTransaction, Grant, Identity  # noqa: PLC0415 - loads models

    models = (FlowTransaction, Identity, Grant, get_user_model())
    aliases = {router.db_for_write(model) for model in models}
    if len(aliases) > 1:
        yield complaint(
            "E026",
            f"Sign-ins, identities, grants, and users are written to several databases: "
            f"{', '.join(sorted(aliases))}.",
            "Let DATABASE_ROUTERS send the user model and stateful_oauth.storage to one database.",
        )
    for alias in sorted(aliases):
        try:
            vendor = connections[alias].vendor
        except (ConnectionDoesNotExist, ImproperlyConfigured) as error:
            yield complaint("E026", f"The database {alias!r} cannot be used.", str(error))
            continue
        if vendor not in _VENDORS:
            yield complaint("E026", f"The database {alias!r} is {vendor}.", "Use PostgreSQL or SQLite.")


def _has_middleware(name: str) -> bool:
    wanted = import_string(name)
    if name in settings.MIDDLEWARE:
        return True
    found = (import_string(path) for path in settings.MIDDLEWARE)
    return any(isinstance(each, type) and issubclass(each, wanted) for each in found)


def _app_installed() -> bool:
    from django.apps import apps  # noqa: PLC0415 - only when the plain name is not there

    return apps.is_installed("stateful_oauth.storage")
