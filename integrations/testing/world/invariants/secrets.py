"""Nothing secret is in clear: in no column, no log line and no page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.apps import apps

from stateful_oauth.integrations.testing.world.gateway import BROWSER_MEMBERS
from stateful_oauth.integrations.testing.world.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stateful_oauth.integrations.testing.world.stage import Stage

_NAME: Final = "planted secrets appear nowhere in clear"


def nothing_secret_is_in_clear(world: Stage) -> None:
    """Search what is kept, logged and shown for everything secret that went over the wire."""
    kept = "\0".join(_columns(world))
    logged = "\0".join(world.site.log)
    shown = "\0".join(_pages(world))
    world.site.log.clear()
    for value, member in {**world.site.gateway.secrets, **dict.fromkeys(world.memory.bindings, "binding")}.items():
        if value in kept:
            raise Violation(_NAME, f"a {member} is in the database in clear")
        if value in logged:
            raise Violation(_NAME, f"a {member} was logged:\n{_line_with(logged, value)}")
        if member not in BROWSER_MEMBERS and member != "binding" and value in shown:
            raise Violation(_NAME, f"a {member} is on a page")


def _columns(world: Stage) -> Iterator[str]:
    """Yield every column of every row of our tables that is text, or can be read as such."""
    for _, _, row in world.seen.changed_since(world.before):
        if row is not None:
            yield from map(_text, row.columns.values())
            for line in row.log:
                yield f"{line.event} {line.code} {line.actor}"
    for model in apps.get_app_config("stateful_oauth").get_models():
        if model.__name__ not in ("FlowTransaction", "TransitionRecord"):
            for values in model._default_manager.values_list():  # noqa: SLF001 - public in Django
                yield from map(_text, values)


def _pages(world: Stage) -> Iterator[str]:
    for response in world.responses:
        yield response.headers.get("Location", "")
        if not getattr(response, "streaming", False):
            yield response.content.decode("utf-8", "replace")


def _text(value: object) -> str:
    if isinstance(value, memoryview):
        value = bytes(value)
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _line_with(text: str, value: str) -> str:
    return next((line for line in text.split("\0") if value in line), "").replace(value, "[the secret]")
