"""The settings: one dict, `STATEFUL_OAUTH`, read once, and again when `override_settings` changes it.

Keys of a tenant stand in the dict itself, or, where a site has several tenants, in `TENANTS` by alias.
`docs/settings.md` lists every key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.shortcuts import resolve_url
from django.urls import get_script_prefix

from stateful_oauth.django.documentation import documentation
from stateful_oauth.django.origins import as_browsers_write
from stateful_oauth.django.provider_profiles import AUTH0, PROFILES

DEFAULT_TENANT: Final = "default"
ANY_CONNECTION: Final = "*"  # a key of CONNECTIONS: those that are not named may be connected, too

_REQUIRED: Final = object()

_WORKING: Final = 300  # seconds; longer than all effects of a sign-in with their leases
# An account linking goes on with a sign-in, and then with the proof of the other account: both may be held.
_HELD_IN_A_LINKING: Final = 2

SITE_DEFAULTS: Final[dict[str, Any]] = {
    "BASE_URL": _REQUIRED,
    "ALLOWED_NEXT_HOSTS": (),
    "ALLOW_BACKGROUND_STARTS_OF": (),
    "ALLOW_INSECURE_HTTP_ON_LOOPBACK": False,
    "ANSWER_WITHIN": 3.0,
    "BREAKER_FAILURES": 5,
    "BREAKER_PAUSE": 10.0,
    "COOKIE_NAME": "stateful_oauth",
    "COOKIE_PARTITIONED": False,
    "COOKIE_SAMESITE": "Lax",
    "DUPLICATE_GRACE": 60,
    "DUPLICATE_PATIENCE": 3.0,
    "EFFECTS_AT_ONCE": 32,
    "ENCRYPTION_KEYS": (),
    "FLOWS": (),
    "FRAME_ANCESTORS": (),
    "HELD_SIGN_IN_LIFETIME": 1800,
    "LOGOUT_NEXT_URLS": (),
    "LOGOUT_RETURN_PATH": "",
    "LOGOUT_WITHOUT_SESSION_GOES_TO_PROVIDER": True,
    "OPEN_PER_BROWSER": 10,
    "OTHER_BASE_URLS": (),
    "SHARE_MACHINE_TOKENS": True,
    "SHOW_UNTRUSTED_ERROR_DESCRIPTION": False,
    "STARTS_PER_CLIENT": 600,
    "TASK_BACKEND": "",
    "TENANTS": {},
    "TRANSACTION_LIFETIME": 600,
    "TRANSPORT_ADAPTER": None,
    "TRUSTED_PROXIES": 0,
    "TRUST_X_FORWARDED_PREFIX": False,
}

TENANT_DEFAULTS: Final[dict[str, Any]] = {
    "PROVIDER": AUTH0,
    "DOMAIN": "",
    "ISSUER": "",
    "CLIENT_ID": _REQUIRED,
    "CLIENT_SECRET": "",
    "CLIENT_AUTHENTICATION": "client_secret_post",
    "PRIVATE_KEY": "",
    "PRIVATE_KEY_ID": "",
    "PRIVATE_KEY_ALG": "RS256",
    "CLIENT_ASSERTION_AUDIENCE": "issuer",
    "CLIENT_CERTIFICATE": "",
    "CLIENT_CERTIFICATE_KEY": "",
    "PKCE_WITHOUT_METADATA": False,
    "ACCESS_TOKEN_SIGNING_ALG": "RS256",
    "ANOTHER_ACCOUNT_PROMPT": "login",
    "API_AUDIENCE": "",
    "API_SCOPES": {},
    "AUTHORIZATION_PARAMETERS": {},
    "ORGANIZATION": "",
    "REQUEST_PARAMETERS": (),
    "SCOPE": "openid profile email",
    "TITLE": "",
    "ID_TOKEN_SIGNING_ALG": "RS256",
    "LEEWAY": 30,
    "MAX_TOKEN_AGE": 600,
    "PUSHED_AUTHORIZATION_REQUESTS": False,
    "TRUSTED_AUDIENCES": (),
    "CONNECT_TIMEOUT": 3.0,
    "READ_TIMEOUT": 8.0,
    "DISTRIBUTED_CLAIMS": "refuse",
    "END_SESSION_ENDPOINT": "",
    "FEDERATED_LOGOUT": False,
    "CALLBACK_URL": "",
    "RESPONSE_MODE": "query",
    "REVOCATION_ENDPOINT": "",
    "KEEP_UNASKED_REFRESH_TOKENS": False,
    "LOGOUT_RETURN_PARAMETER": "post_logout_redirect_uri",
    "LOGOUT_SENDS_ID_TOKEN": False,
    "LOGOUT_SENDS_SID": True,
    "LOGOUT_STATE": False,
    "USERINFO": "never",
    "CONNECTIONS": {},
    "KEPT_CLAIMS": ("email", "name", "picture"),
    "LINKING": "off",
    "LINKING_APP_METADATA_KEYS": (),
    "LINKING_TRIES": 3,
    "LINKING_TRUSTED_CONNECTIONS": (),
    "REFRESH_TOKEN_ROTATION": True,
    "MANAGEMENT_CLIENT_ID": "",
    "MANAGEMENT_CLIENT_SECRET": "",
    "MANAGEMENT_DOMAIN": "",
    "PROVIDER_USERINFO": {},
    "ROLES": {},
    "USER_FIELDS": {"first_name": "given_name", "last_name": "family_name"},
}


class TenantSettings:
    """The keys of one tenant, as attributes in lower case."""

    def __init__(self, alias: str, values: Mapping[str, Any]) -> None:
        self.alias = alias
        self._values = values

    def __getattr__(self, name: str) -> Any:
        key = name.upper()
        if key not in TENANT_DEFAULTS:
            raise AttributeError(name)
        value = vars(self)[name] = _read(self._values, self._defaults, key)
        return value

    @cached_property
    def _defaults(self) -> Mapping[str, Any]:
        """The defaults, with those of the provider's profile; an unknown one is the check's business."""
        provider = self._values.get("PROVIDER", AUTH0)
        return {**TENANT_DEFAULTS, **(PROFILES.get(provider, {}) if isinstance(provider, str) else {})}

    @property
    def own_issuer(self) -> str:
        """`ISSUER`, or an empty string where `DOMAIN` stands for it."""
        return str(_read(self._values, TENANT_DEFAULTS, "ISSUER"))

    @cached_property
    def issuer(self) -> str:
        """The issuer, byte-exact. `DOMAIN` is short for `https://DOMAIN/`, which is Auth0's form."""
        explicit: str = _read(self._values, TENANT_DEFAULTS, "ISSUER")
        if explicit:
            return explicit
        domain: str = _read(self._values, TENANT_DEFAULTS, "DOMAIN")
        if not domain:
            raise ImproperlyConfigured("Set STATEFUL_OAUTH['DOMAIN'] to the tenant's domain.")
        return f"https://{domain}/"

    @property
    def shown_title(self) -> str:
        """What pages call the provider: `TITLE`, or else the issuer's host."""
        return str(_read(self._values, TENANT_DEFAULTS, "TITLE")) or urlsplit(self.issuer).netloc

    def may_connect(self, connection: str) -> bool:
        """Whether a form may name this connection: `CONNECTIONS` does, or its `"*"`, or it is not set."""
        named: Mapping[str, Any] = self.connections
        return not named or connection in named or ANY_CONNECTION in named


class SiteSettings:
    """The keys of the site, as attributes in lower case. Each is read once, until `forget`."""

    def __getattr__(self, name: str) -> Any:
        key = name.upper()
        if key not in SITE_DEFAULTS:
            raise AttributeError(name)
        value = vars(self)[name] = _read(self.values, SITE_DEFAULTS, key)
        return value

    def forget(self) -> None:
        """Read everything again: the settings have changed."""
        vars(self).clear()

    @property
    def values(self) -> Mapping[str, Any]:
        """The dict as the project wrote it."""
        values = getattr(settings, "STATEFUL_OAUTH", {})
        if not isinstance(values, Mapping):
            raise ImproperlyConfigured("STATEFUL_OAUTH must be a dict.")
        return values

    @cached_property
    def base_url(self) -> str:
        """Scheme and host of the site as browsers write them, without a slash at the end."""
        return as_browsers_write(_read(self.values, SITE_DEFAULTS, "BASE_URL"))

    @cached_property
    def base_urls(self) -> tuple[str, ...]:
        """`BASE_URL`, and then `OTHER_BASE_URLS`, as browsers write them, without slashes at the end."""
        others: Iterable[str] = _read(self.values, SITE_DEFAULTS, "OTHER_BASE_URLS")
        return (self.base_url, *map(as_browsers_write, others))

    @property
    def logout_return_path(self) -> str:
        """Where a sign-out ends: `LOGOUT_RETURN_PATH`, else Django's `LOGOUT_REDIRECT_URL`, else the root.

        A path of the package's own setting, and the root, are under the path where the site is mounted.
        """
        chosen: str = _read(self.values, SITE_DEFAULTS, "LOGOUT_RETURN_PATH")
        if not chosen and settings.LOGOUT_REDIRECT_URL:
            return resolve_url(settings.LOGOUT_REDIRECT_URL)  # literally, as Django's own views take it
        prefix, chosen = get_script_prefix(), chosen or "/"
        if prefix == "/" or not chosen.startswith("/") or chosen.startswith(prefix):
            return chosen
        return prefix + chosen.removeprefix("/")

    @cached_property
    def cookie_secure(self) -> bool:
        """Whether the site is served over https."""
        return self.base_url.startswith("https://")

    @cached_property
    def tenant_aliases(self) -> tuple[str, ...]:
        """The aliases of all tenants."""
        return tuple(self.tenants) or (DEFAULT_TENANT,)

    @cached_property
    def links_accounts(self) -> bool:
        """Whether any tenant links accounts."""
        return any(self.tenant(alias).linking != "off" for alias in self.tenant_aliases)

    @cached_property
    def attempt_lifetime(self) -> int:
        """The longest that an attempt may take from its start to its end, in seconds."""
        held = _HELD_IN_A_LINKING * self.held_sign_in_lifetime if self.links_accounts else 0
        return int(self.transaction_lifetime + held) + _WORKING

    def tenant(self, alias: str) -> TenantSettings:
        """Return one tenant's settings.

        Raises:
            KeyError: There is no such tenant.
        """
        return self._tenants[alias]

    @cached_property
    def _tenants(self) -> Mapping[str, TenantSettings]:
        several: Mapping[str, Any] = self.tenants or {DEFAULT_TENANT: self.values}
        return {alias: TenantSettings(alias, values) for alias, values in several.items()}


def _read(values: Mapping[str, Any], defaults: Mapping[str, Any], key: str) -> Any:
    value = values.get(key, defaults[key])
    if value is _REQUIRED:
        raise ImproperlyConfigured(f"Set STATEFUL_OAUTH['{key}']. See {documentation('settings')}.")
    return value


conf = SiteSettings()


@receiver(setting_changed)
def _forget(*, setting: str, **_: Any) -> None:
    if setting == "STATEFUL_OAUTH":
        conf.forget()
