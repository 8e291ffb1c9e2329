"""Nothing secret is in clear: in no column, no log line and no page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.db import connections, router

from stateful_oauth.testing.world.gateway import BROWSER_MEMBERS
from stateful_oauth.testing.world.sessions import session_of
from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stateful_oauth.testing.world.base_state_machine import BaseStateMachine

_NAME: Final = "planted secrets appear nowhere in clear"


def nothing_secret_is_in_clear(world: BaseStateMachine) -> None:
    """Search what is kept, in sessions too, logged and shown for everything secret that went over the wire.

    What was searched before is searched again only for the secrets that are new since.
    """
    known = world.memory.searched
    secrets = {**world.site.gateway.secrets, **dict.fromkeys(world.memory.bindings, "binding")}
    fresh = {value: member for value, member in secrets.items() if value not in known.secrets}
    texts = [*_columns(world), *_sessions(world)] if world.wrote else []
    kept = [text for text in texts if text not in known.columns]
    known.columns |= set(kept)
    known.secrets |= set(fresh)
    logged = "\0".join(world.site.log)
    world.site.log.clear()
    _search("\0".join(kept), logged, secrets)
    _search("\0".join(known.columns) if fresh else "", "", fresh)
    shown = "\0".join(_pages(world))
    for value, member in secrets.items() if shown else ():
        if member not in BROWSER_MEMBERS and member != "binding" and value in shown:
            raise Violation(_NAME, f"a {member} is on a page")


def _search(kept: str, logged: str, secrets: Mapping[str, str]) -> None:
    for value, member in secrets.items() if kept or logged else ():
        if value in kept:
            raise Violation(_NAME, f"a {member} is in the database in clear")
        if value in logged:
            raise Violation(_NAME, f"a {member} was logged:\n{_line_with(logged, value)}")


def _columns(world: BaseStateMachine) -> Iterator[str]:
    """Yield every column of our tables as text."""
    del world  # its database is the one that there is
    for model in apps.get_app_config("stateful_oauth").get_models():
        connection: Any = connections[router.db_for_write(model)]
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(model._meta.db_table)}")  # noqa: S608, SLF001 - a table of ours
            for row in cursor.fetchall():
                for value in row:
                    if isinstance(value, str):
                        yield value
                    elif isinstance(value, (bytes, memoryview)):
                        yield bytes(value).decode("latin-1")
                    elif isinstance(value, (dict, list)):  # PostgreSQL's JSON
                        yield str(value)


def _sessions(world: BaseStateMachine) -> Iterator[str]:
    """Yield what the session of every browser holds; in the database it is not legible."""
    for browser in world.browsers:
        yield repr(dict(session_of(browser).items()))


def _pages(world: BaseStateMachine) -> Iterator[str]:
    for response in world.responses:
        yield response.headers.get("Location", "")
        if not getattr(response, "streaming", False):
            yield response.content.decode("utf-8", "replace")


def _line_with(text: str, value: str) -> str:
    return next((line for line in text.split("\0") if value in line), "").replace(value, "[the secret]")
