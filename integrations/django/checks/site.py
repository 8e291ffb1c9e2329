"""System checks of the values of `STATEFUL_OAUTH` that are the site's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch
from django.utils.module_loading import import_string

from stateful_oauth.django.browser.next_url import may_go_to
from stateful_oauth.django.checks.tenants import LOOPBACK
from stateful_oauth.django.conf import DEFAULT_TENANT, SITE_DEFAULTS, TENANT_DEFAULTS
from stateful_oauth.django.declarations import usable_declarations
from stateful_oauth.django.documentation import documentation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    from stateful_oauth.django.conf import SiteSettings

_AUTH0_TRANSACTION: Final = 3600  # seconds; Auth0 forgets a login after that
_RETURN_PATH: Final = re.compile(r"/(?![/\\]).*|")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 6265 §4.1.1, RFC 2616 §2.2
_FRAMING: Final = re.compile(
    r"https?://(\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?", re.IGNORECASE
)
_LEAST: Final = {
    "OPEN_PER_BROWSER": 1,
    "DUPLICATE_GRACE": 0,
    "DUPLICATE_PATIENCE": 0,
    "HELD_SIGN_IN_LIFETIME": 60,
    "STARTS_PER_CLIENT": 0,
    "ANSWER_WITHIN": 0,
    "BREAKER_FAILURES": 0,
    "BREAKER_PAUSE": 1,
    "EFFECTS_AT_ONCE": 0,
    "TRUSTED_PROXIES": 0,
}


def check_values(values: Mapping[str, Any], site: SiteSettings) -> Iterator[CheckMessage]:
    """Check the keys for the site, after `check_types` found nothing.

    Args:
        values: The setting as it is written.
        site: The same with defaults.
    """
    yield from _unknown_keys(values)
    yield from _site(site)
    yield from _numbers(site)
    yield from _names(site)
    yield from _paths(site)
    yield from _frames(site)
    yield from _kinds(site)
    yield from _which_tenants(values)
    yield from _tasks(site)


def check_types(values: Mapping[str, Any]) -> Iterator[CheckMessage]:
    """Check that each value has the type of its default, in the site and in each tenant."""
    places = [("", values, {**SITE_DEFAULTS, **TENANT_DEFAULTS})]
    tenants = values.get("TENANTS", {})
    for alias, tenant in tenants.items() if isinstance(tenants, Mapping) else ():
        if isinstance(tenant, Mapping):
            places.append((f"TENANTS[{alias!r}]: ", tenant, TENANT_DEFAULTS))
        else:
            yield Error(
                f"TENANTS[{alias!r}] is not a dict.",
                hint=f"See {documentation('settings')}.",
                id="stateful_oauth.E016",
            )
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
                yield Error(
                    f"{place}{key} is not {name}.",
                    hint=f"See {documentation('settings')}.",
                    id="stateful_oauth.E016",
                )


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
        yield Error(
            f"STATEFUL_OAUTH has unknown keys: {', '.join(sorted(unknown))}.",
            hint=" ".join([*_meant(unknown, known), f"See {documentation('settings')}."]),
            id="stateful_oauth.E002",
        )


def _meant(unknown: set[str], known: set[str]) -> Iterator[str]:
    """Yield which key each unknown one is close to."""
    for key in sorted(unknown):
        name = key.rpartition("[")[2].strip("]'") if key.startswith("TENANTS[") else key
        if found := get_close_matches(name.upper(), known, n=1, cutoff=0.7):
            yield f"Did you mean {found[0]} instead of {name}?"


def _site(site: SiteSettings) -> Iterator[CheckMessage]:
    try:
        base = _split(site.base_url)
    except ImproperlyConfigured as error:
        yield Error(
            str(error),
            hint="Set BASE_URL to your site's URL, for example https://www.example.com.",
            id="stateful_oauth.E003",
        )
        return
    if base is None or not _is_origin(base):
        yield Error(
            "BASE_URL is not just scheme and host.",
            hint="Write it like https://www.example.com.",
            id="stateful_oauth.E003",
        )
    elif base.scheme == "http" and base.hostname not in LOOPBACK:
        yield Error(
            "BASE_URL is not https.",
            hint="Serve the site over https, because browsers send codes to it.",
            id="stateful_oauth.E004",
        )
    for each in site.other_base_urls:
        other = _split(each.rstrip("/"))
        if other is None or not _is_origin(other) or (base is not None and other.scheme != base.scheme):
            yield Error(
                f"OTHER_BASE_URLS has {each!r}, which is not scheme and host, or not the scheme of BASE_URL.",
                hint="Write URLs like BASE_URL, for example https://example.com.",
                id="stateful_oauth.E054",
            )
    try:
        return_path = site.logout_return_path
    except NoReverseMatch:  # `LOGOUT_REDIRECT_URL`, which stands in for it, may be the name of a pattern
        return_path = "nowhere"
    if not _RETURN_PATH.fullmatch(return_path):
        yield Error(
            "LOGOUT_RETURN_PATH is not a path of this site.",
            hint="Write a path like /goodbye/. If it is empty, set LOGOUT_REDIRECT_URL to such a path.",
            id="stateful_oauth.E018",
        )
    yield from _logout_next(site)
    if site.encryption_keys:
        yield from _key_ring()


def _logout_next(site: SiteSettings) -> Iterator[CheckMessage]:
    wrong = [url for url in site.logout_next_urls if not (url.startswith("/") or "://" in url)]
    wrong += [url for url in site.logout_next_urls if url not in wrong and not may_go_to(url)]
    if wrong:
        yield Error(
            f"LOGOUT_NEXT_URLS has {', '.join(map(repr, wrong))}, which a sign-out may not lead to.",
            hint="Write paths like /goodbye/, or whole URLs on BASE_URL or on a host of ALLOWED_NEXT_HOSTS.",
            id="stateful_oauth.E060",
        )


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
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
        yield Error(
            "TRANSACTION_LIFETIME is not between 1 and 3600 seconds.",
            hint="Auth0 forgets a sign-in after an hour. The default is 600.",
            id="stateful_oauth.E005",
        )
    for key, least in _LEAST.items():
        # Written so that NaN, which is neither more nor less, is wrong, too.
        if not getattr(site, key.lower()) >= least:
            yield Error(
                f"{key} is less than {least}.",
                hint=f"See {documentation('settings')}.",
                id="stateful_oauth.E033",
            )


def _names(site: SiteSettings) -> Iterator[CheckMessage]:
    if not _TOKEN.fullmatch(site.cookie_name):
        yield Error(
            "COOKIE_NAME cannot be the name of a cookie.",
            hint="Use letters, digits, hyphens, and underscores (a token as in RFC 6265).",
            id="stateful_oauth.E031",
        )
    if not all(host and "/" not in host for host in site.allowed_next_hosts):
        yield Error(
            "ALLOWED_NEXT_HOSTS has a value that is not a host.",
            hint="Write hosts without a scheme, for example shop.example.com.",
            id="stateful_oauth.E032",
        )


def _frames(site: SiteSettings) -> Iterator[CheckMessage]:
    wrong = [each for each in site.frame_ancestors if each != "'self'" and not _FRAMING.fullmatch(each)]
    if wrong:
        yield Error(
            f"FRAME_ANCESTORS has {', '.join(map(repr, wrong))}, which is not the origin of a site.",
            hint="Write origins such as https://teams.microsoft.com or https://*.example.com, or \"'self'\".",
            id="stateful_oauth.E050",
        )

    same_site, is_secure = site.cookie_samesite, site.cookie_secure
    if same_site not in ("Lax", "None"):
        yield Error(
            f"COOKIE_SAMESITE is {same_site!r}, and not 'Lax' or 'None'.",
            hint="Use 'Lax'. 'Strict' would keep the cookie from the callback.",
            id="stateful_oauth.E052",
        )
    elif same_site == "None" and not is_secure:
        yield Error(
            "COOKIE_SAMESITE is 'None', but BASE_URL is not https. Browsers refuse the cookie.",
            hint="Use 'Lax' while you develop, or serve the site over https.",
            id="stateful_oauth.E052",
        )
    if site.cookie_partitioned and (same_site != "None" or not is_secure):
        yield Error(
            "COOKIE_PARTITIONED is True, but COOKIE_SAMESITE is not 'None', or BASE_URL is not https.",
            hint="Set COOKIE_SAMESITE to 'None' as well: only a cookie for frames has a partition.",
            id="stateful_oauth.E053",
        )


def _kinds(site: SiteSettings) -> Iterator[CheckMessage]:
    known = {flow.kind for flow in usable_declarations()}
    unknown = [kind for kind in site.allow_background_starts_of if kind not in known]
    if unknown:
        yield Error(
            f"ALLOW_BACKGROUND_STARTS_OF has {', '.join(map(repr, unknown))}, which is not a flow.",
            hint=f"The flows are {', '.join(sorted(known))}.",
            id="stateful_oauth.E051",
        )


def _tasks(site: SiteSettings) -> Iterator[CheckMessage]:
    if not site.task_backend:
        return
    try:
        from stateful_oauth.django.sweeps.tasks import queue_of  # noqa: PLC0415 - the Tasks API is optional

        queue_of(site.task_backend)
    except Exception as error:  # noqa: BLE001 - the project's backend may raise anything when it is made
        yield Error(
            f"TASK_BACKEND is {site.task_backend!r}, which is no backend of Django Tasks here.",
            hint=str(error),
            id="stateful_oauth.E062",
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
            yield Error(
                f"{key} names {path!r}, which cannot be imported.",
                hint=str(error),
                id="stateful_oauth.E030",
            )


def _which_tenants(values: Mapping[str, Any]) -> Iterator[CheckMessage]:
    tenants = values.get("TENANTS")
    if not tenants:
        return
    if DEFAULT_TENANT not in tenants:
        yield Error(
            f"TENANTS has no tenant {DEFAULT_TENANT!r}.",
            hint=f"Name one tenant {DEFAULT_TENANT!r}. URLs without an alias, for example login/, belong to "
            "it.",
            id="stateful_oauth.E027",
        )
    if ignored := sorted(values.keys() & TENANT_DEFAULTS.keys()):
        yield Error(
            f"STATEFUL_OAUTH has {', '.join(ignored)} beside TENANTS, where they have no effect.",
            hint="Move them into the tenants.",
            id="stateful_oauth.E028",
        )


def _key_ring() -> Iterator[CheckMessage]:
    from stateful_oauth.storage import encryption  # noqa: PLC0415 - cryptography is slow to import

    try:
        encryption.unseal(encryption.seal(b"", context="check"), context="check")
    except ImproperlyConfigured as error:
        yield Error(
            "ENCRYPTION_KEYS has a value that is not a Fernet key.",
            hint=str(error),
            id="stateful_oauth.E006",
        )
