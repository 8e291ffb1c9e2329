"""System checks of the databases: where what decides is read, and SQLite's options."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.utils.connection import ConnectionDoesNotExist

from stateful_oauth.django.documentation import documentation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.apps import AppConfig

_SESSIONS_IN_ROWS: Final = (
    "django.contrib.sessions.backends.db",
    "django.contrib.sessions.backends.cached_db",
)


@register(Tags.security)
def check_reads(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - Django calls checks with it
    **kwargs: Any,  # noqa: ARG001 - Django calls checks with it
) -> list[CheckMessage]:
    """Check that sessions and users are read from the database to which they are written.

    Returns:
        `stateful_oauth.W030` for each that is not: a replica that is behind shows a user as signed in who was
        signed out or deactivated, and does not know the session that the sign-in has just made.
    """
    return [
        Warning(
            f"{what} are written to {written!r} and read from {read!r}.",
            hint="Let DATABASE_ROUTERS read them from the database that is written.",
            id="stateful_oauth.W030",
        )
        for what, model in _models()
        if (read := router.db_for_read(model)) != (written := router.db_for_write(model))
    ]


def _models() -> Iterator[tuple[str, Any]]:
    with suppress(ImproperlyConfigured):  # Django's own check says so
        yield "Users", get_user_model()
    if settings.SESSION_ENGINE in _SESSIONS_IN_ROWS:
        yield "Sessions", import_module(settings.SESSION_ENGINE).SessionStore.get_model_class()


@register(Tags.database, deploy=True)
def check_sqlite(
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001 - Django calls checks with it
    **kwargs: Any,  # noqa: ARG001 - Django calls checks with it
) -> list[CheckMessage]:
    """Check the options that let several processes share a file of SQLite.

    Returns:
        `stateful_oauth.W031`: without them a reader blocks the writer, and a writer is refused at once.
    """
    from stateful_oauth.storage.models import FlowTransaction  # noqa: PLC0415 - loads models

    try:
        connection: Any = connections[router.db_for_write(FlowTransaction)]
    except (ConnectionDoesNotExist, ImproperlyConfigured):
        return []  # E026 says so
    if connection.vendor != "sqlite" or connection.is_in_memory_db():
        return []
    options = connection.settings_dict.get("OPTIONS", {})
    missing = []
    if str(options.get("transaction_mode", "")).upper() not in ("IMMEDIATE", "EXCLUSIVE"):
        missing.append('"transaction_mode": "IMMEDIATE"')
    if "journal_mode=wal" not in str(options.get("init_command", "")).lower().replace(" ", ""):
        missing.append('"init_command": "PRAGMA journal_mode=WAL"')
    if not missing:
        return []
    return [
        Warning(
            "Several processes that share this SQLite database may find it locked.",
            hint=f"Add to the OPTIONS of DATABASES: {', '.join(missing)}. "
            f"See {documentation('settings', 'djangos-own-settings')}.",
            id="stateful_oauth.W031",
        )
    ]
