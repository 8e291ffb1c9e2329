"""Sessions in the project's session engine, by their keys: which live, and ending many at once.

Django's engines with a table or a cache take a list of keys. Any other engine is asked key by key.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib.sessions.backends.cache import SessionStore as CacheStore
from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieStore
from django.core.cache import caches
from django.utils import timezone

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

_BATCH: Final = 500  # keys per statement: SQLite takes a bounded number of parameters
_LONGEST_KEY: Final = 128  # characters, as the registry keeps them


def registered_key(session: Any) -> str:
    """Return the key by which a session can be ended, or an empty string for a session without one."""
    key = session.session_key or ""
    return "" if isinstance(session, CookieStore) or len(key) > _LONGEST_KEY else str(key)


def sessions_can_be_ended() -> bool:
    """Whether the engine keeps sessions where they can be deleted: a cookie stays with the browser."""
    return not issubclass(_engine(), CookieStore)


def end_keys(keys: Collection[str]) -> None:
    """Delete sessions: the next request of each browser has none."""
    engine, chosen = _engine(), list(keys)
    if not chosen or issubclass(engine, CookieStore):
        return
    table, cache = _model(engine), _cache(engine)
    if table is not None:
        from django.db import router  # noqa: PLC0415 - only this engine has a database

        for some in _batches(chosen):
            rows = table.objects.using(router.db_for_write(table)).filter(session_key__in=some)
            rows.delete()
    if cache is not None:
        for some in _batches(chosen):
            cache.delete_many([engine.cache_key_prefix + key for key in some])
    if table is None and cache is None:
        for key in chosen:
            engine().delete(key)


def living_keys(keys: Collection[str]) -> dict[str, datetime | None]:
    """Return those keys whose sessions exist, each with the session's end, or None if only it knows."""
    engine, chosen = _engine(), list(keys)
    table = None if issubclass(engine, CookieStore) else _model(engine)
    found: dict[str, datetime | None] = {}
    if table is not None:
        from django.db import router  # noqa: PLC0415 - only this engine has a database

        for some in _batches(chosen):
            rows = table.objects.using(router.db_for_write(table)).filter(
                session_key__in=some, expire_date__gt=timezone.now()
            )
            found.update(rows.values_list("session_key", "expire_date"))
    elif issubclass(engine, CacheStore):
        prefix = engine.cache_key_prefix
        for some in _batches(chosen):
            kept = caches[settings.SESSION_CACHE_ALIAS].get_many([prefix + key for key in some])
            found.update({key.removeprefix(prefix): None for key in kept})
    elif not issubclass(engine, CookieStore):
        found.update({key: None for key in chosen if engine().exists(key)})
    return found


def _engine() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore


def _model(engine: Any) -> Any:
    """Return the model of an engine with a table, or None."""
    return engine.get_model_class() if hasattr(engine, "get_model_class") else None


def _cache(engine: Any) -> Any:
    """Return the cache of an engine that uses one, or None."""
    return caches[settings.SESSION_CACHE_ALIAS] if hasattr(engine, "cache_key_prefix") else None


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _BATCH):
        yield keys[start : start + _BATCH]
