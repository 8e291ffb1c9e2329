"""The Management API for a project: the SDK's own client, and profiles for display."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from django.core.cache import cache

from stateful_oauth.django import wiring
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.keyed_digests import keyed_digest
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.storage import encryption

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stateful_oauth.auth0.management_client import ManagementClient

logger = logging.getLogger("stateful_oauth.management")

_TIME_LIMIT: Final = 10.0  # seconds
_CONTEXT: Final = "user-profile"


def management_api(
    tenant: str = DEFAULT_TENANT, *, required_scopes: Iterable[str] = (), time_limit: float = _TIME_LIMIT
) -> ManagementClient:
    """Return auth0-python's client of the Management API, with every endpoint: `.users.get(…)` and so on.

    It uses the package's connections, limits and machine-to-machine token, which all calls share until it
    ends. It repeats nothing, but for a call that was answered with 401: that one was not carried out. It is
    sync; in async code, call it inside `sync_to_async`. Making it calls nothing.

    Args:
        tenant: The tenant's alias in the settings.
        required_scopes: What to ask the token for, and nothing more. By default it has all scopes that
            the application was granted.
        time_limit: Seconds for each call.

    Raises:
        FlowError: `management_not_configured`. Calls raise `management_scope_missing`, `management_refused`,
            `rate_limited` (429) or what else became of them. Other refusals are auth0-python's `ApiError`.
        KeyError: There is no such tenant.
    """
    return wiring.provider(tenant).management.client(frozenset(required_scopes), time_limit=time_limit)


def user_profile(
    subject: str, *, max_age: float = 300, tenant: str = DEFAULT_TENANT
) -> Mapping[str, Any] | None:
    """Return a user's profile from the Management API, as JSON has it; None if there is no such user.

    For display only: it may be as old as `max_age`, from Django's default cache, where it is encrypted. Never
    decide by it who may do what. It has no tokens of identity providers.

    Args:
        subject: The `sub`.
        max_age: Seconds; 0 asks the API in any case.
        tenant: The tenant's alias in the settings.

    Raises:
        FlowError: `management_not_configured`, `management_scope_missing` (it needs `read:users`),
            `management_refused`, `rate_limited` or what else became of the call.
        KeyError: There is no such tenant.
    """
    provider, now = wiring.provider(tenant), wiring.clock.now().timestamp()
    key = "stateful_oauth.profile." + keyed_digest(_CONTEXT, f"{provider.issuer}\0{subject}").hex()
    kept = _kept(key) if max_age > 0 else None
    if kept is not None and 0 <= now - kept[0] < max_age:
        profile: Mapping[str, Any] = kept[1]
        return profile
    found = provider.management.profile(subject, time_limit=_TIME_LIMIT)
    if found is not None:
        _keep(key, [now, found])
    return found


auser_profile = async_twin(user_profile)


def _kept(key: str) -> Any:
    """Return what the cache has; None also for what cannot be read, and for a cache that fails."""
    try:
        sealed = cache.get(key)
        return None if sealed is None else json.loads(encryption.unseal(sealed, context=f"{_CONTEXT}:{key}"))
    except Exception as error:  # noqa: BLE001 - whatever the client of the project's cache raises
        logger.warning("a profile could not be read from the cache: %s", type(error).__name__)
        return None


def _keep(key: str, value: Any) -> None:
    try:
        sealed = encryption.seal(Secret(json.dumps(value)), context=f"{_CONTEXT}:{key}")
        cache.set(key, sealed, timeout=86_400)
    except Exception as error:  # noqa: BLE001 - whatever the client of the project's cache raises
        logger.warning("a profile could not be kept in the cache: %s", type(error).__name__)
