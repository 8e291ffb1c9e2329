"""The project's site and its tenant for one scenario: an empty database, a clock, and nothing left behind."""

from __future__ import annotations

import logging
import random
import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.color import no_style
from django.db import connections, router

from stateful_oauth.django.conf import conf
from stateful_oauth.django.sweeps import sweeping
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.clock import ManualClock
from stateful_oauth.testing.tenants import (
    MANAGEMENT_SCOPES,
    at_the_tenant,
    forget_provider,
    tenant_of_settings,
)
from stateful_oauth.testing.world.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stateful_oauth.testing.world.configuration import Configuration

_STATEMENT: Final = re.compile(r"\s*\(*\s*(SELECT|INSERT|UPDATE|DELETE|TRUNCATE)\b", re.IGNORECASE)
# Keys that only this scenario knows. Two, so that they can be rotated, and neither half of one like the
# other's: the first half signs, and what is signed alike is decrypted with the wrong key and may look right.
ENCRYPTION_KEYS: Final = (
    "dGhlIG9sZGVyIGtleSBvZiBzY2VuYXJpb3M6IG5vLjE=",
    "YSBuZXdlciBrZXkgZm9yIHRoZSBzY2VuYXJpb3M6IDI=",
)


class Site:
    """The site at an emulated tenant, from `open` to `close`.

    Attributes:
        statements: SQL statements so far, on the database of the transactions.
        writes: How many of them were no SELECT.
        log: What was logged since the last look.
    """

    def __init__(self, configuration: Configuration, *, alias: str, changes: Mapping[str, Any]) -> None:
        self.clock = ManualClock()
        self.alias, self.statements, self.writes = alias, 0, 0
        self.log: list[str] = []
        self._stack = ExitStack()
        self.tenant = tenant_of_settings(alias)
        values = {**self._stand_ins(configuration), **configuration.changes(), **changes}
        configuration.seed_tenant(self.tenant, conf.tenant(alias).client_id)
        self.gateway = Gateway(self.tenant, self.clock.advance)
        self._values = {
            # A delivery that waits for another one waits in vain, because that one waits for it to return.
            "DUPLICATE_PATIENCE": 0.1,
            # A scenario is there to fail often: what holds calls back would hide most of it.
            "BREAKER_FAILURES": 0,
            "ENCRYPTION_KEYS": [ENCRYPTION_KEYS[0]],
            **values,
        }
        self.tenant.token_reply_hook = self.gateway.learn

    def _stand_ins(self, configuration: Configuration) -> dict[str, Any]:
        """Return what a scenario that links accounts needs besides, where the project itself links none."""
        if configuration.linking in (None, "off") or conf.tenant(self.alias).management_client_id:
            return {}
        client_id, secret = "a-stand-in-that-links", "the-secret-of-a-stand-in-that-links-accounts"
        self.tenant.add_client(client_id=client_id, client_secret=secret)
        self.tenant.allow_management(client_id, MANAGEMENT_SCOPES)
        return {"MANAGEMENT_CLIENT_ID": client_id, "MANAGEMENT_CLIENT_SECRET": secret}

    def open(self) -> None:
        """Have everything point to this scenario."""
        enter = self._stack.enter_context
        enter(at_the_tenant(self.tenant, self.clock, adapter=self.gateway, **self._values))
        enter(_listening(self.log))
        enter(connections[_alias()].execute_wrapper(self._count))
        enter(_in_one_order())

    def close(self) -> None:
        """Put everything back, and empty the database."""
        self._stack.close()
        empty_database()

    @property
    def keys(self) -> list[str]:
        """The encryption keys, the newest first."""
        keys: Any = settings.STATEFUL_OAUTH["ENCRYPTION_KEYS"]
        return [*keys]

    def set_keys(self, keys: Sequence[str]) -> None:
        """Have other encryption keys from now on."""
        settings.STATEFUL_OAUTH["ENCRYPTION_KEYS"] = list(keys)

    def restart(self) -> None:
        """Have the process start anew: what it kept of the provider is gone."""
        forget_provider()

    def _count(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        found = _STATEMENT.match(sql)
        if found:
            self.statements += 1
            self.writes += found[1].upper() != "SELECT"
        return execute(sql, params, many, context)


def _alias() -> str:
    return router.db_for_write(FlowTransaction)


class _Keeper(logging.Handler):
    """Keeps what is logged as text, with tracebacks."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        self._kept.append(self.format(record))


@contextmanager
def _listening(kept: list[str]) -> Iterator[None]:
    handler, root, ours = _Keeper(kept), logging.getLogger(), logging.getLogger("stateful_oauth")
    level, propagate = ours.level, ours.propagate
    ours.setLevel(logging.INFO)
    for logger in (root, ours):
        logger.addHandler(handler)
    ours.propagate = False  # the handlers of the project's own tests need not print thousands of scenarios
    try:
        yield
    finally:
        for logger in (root, ours):
            logger.removeHandler(handler)
        ours.setLevel(level)
        ours.propagate = propagate


@contextmanager
def _in_one_order() -> Iterator[None]:
    """Let sweeps go through what is due in the same order every time: a scenario must be repeatable."""
    with patch.object(sweeping, "_random", random.Random(0)):  # noqa: S311 - no secret
        yield


def empty_database() -> None:
    """Delete every row that a scenario can have made."""
    models: list[Any] = [*apps.get_app_config("stateful_oauth").get_models()]
    models.append(get_user_model())
    if apps.is_installed("django.contrib.sessions"):
        models.append(apps.get_model("sessions", "Session"))
    if apps.is_installed("django.contrib.admin"):
        models.append(apps.get_model("admin", "LogEntry"))
    by_alias: dict[str, list[str]] = {}
    for model in models:
        by_alias.setdefault(router.db_for_write(model), []).append(model._meta.db_table)  # noqa: SLF001 - public in Django
    for alias, tables in by_alias.items():
        operations = connections[alias].ops
        statements = operations.sql_flush(no_style(), tables, reset_sequences=False, allow_cascade=True)
        operations.execute_sql_flush(statements)


def require_empty_database() -> None:
    """Refuse a database with transactions or users in it.

    Raises:
        RuntimeError: Says what is there.
    """
    for model in (FlowTransaction, get_user_model()):
        if model._default_manager.exists():  # noqa: SLF001 - public in Django
            raise RuntimeError(
                f"The database has rows of {model.__name__}, which the first scenario would delete:"
                " run it on an empty test database."
            )
