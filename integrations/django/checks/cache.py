"""System check of the cache that remembers which authorization codes were shown or sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's own name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.apps import AppConfig


@register(Tags.security, deploy=True)
def check_cache(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - Django calls checks with it
    **kwargs: Any,  # noqa: ARG001 - Django calls checks with it
) -> list[CheckMessage]:
    """Check that all processes of the site share the default cache.

    Returns:
        `stateful_oauth.W007` if the cache is the memory of one process, which is Django's default, or keeps
        nothing: another process then accepts a code that this one has refused (RFC 9700 §4.7), or sent.
    """
    if not isinstance(caches[DEFAULT_CACHE_ALIAS], (LocMemCache, DummyCache)):
        return []
    return [
        Warning(
            "The processes of your site do not share the default cache, which remembers authorization codes "
            "that must not be used any more.",
            hint="Set CACHES['default'] to a shared backend, such as Redis, Memcached, or the database. "
            "See SECURITY.md.",
            id="stateful_oauth.W007",
        )
    ]
