"""The endpoints: one module per family, each with a ``ROUTES`` table.

A new API arrives as a new module in this folder; nothing else has to be touched.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from stateful_oauth.emulator.errors import OAUTH, Family

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stateful_oauth.emulator.answers import Answer
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call


@dataclass(frozen=True)
class Route:
    """A path, the methods that it has, and what answers it.

    ``path`` may hold ``{name}`` for one segment; the handler finds them, percent-decoded, in ``call.path``.
    The path as written here is the endpoint's name for faults and for the request counter.
    """

    methods: str
    """Separated by spaces."""
    path: str
    handler: Callable[[TenantState, Call], Answer]
    family: Family = OAUTH
    """The error bodies that belong to it."""
    counted: bool = True
    """Whether it counts as a request to the tenant and can have faults; the control API does not."""


@dataclass(frozen=True)
class Table:
    """Every route, by path."""

    exact: dict[str, list[Route]]
    patterns: Sequence[tuple[re.Pattern[str], Route]]

    def find(self, path: str) -> tuple[list[Route], dict[str, str]]:
        """Return the routes of a path (one per method set) and what its template matched."""
        exact = self.exact.get(path)
        if exact is not None:
            return exact, {}
        found: list[Route] = []
        named: dict[str, str] = {}
        for pattern, route in self.patterns:
            match = pattern.fullmatch(path)
            if match is not None:
                found.append(route)
                named = match.groupdict()
        return found, named


@cache
def table() -> Table:
    """Return the routes of every module in this folder."""
    exact: dict[str, list[Route]] = {}
    patterns: list[tuple[re.Pattern[str], Route]] = []
    for module in pkgutil.iter_modules(__path__):
        for route in getattr(importlib.import_module(f"{__name__}.{module.name}"), "ROUTES", ()):
            if "{" in route.path:
                template = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(route.path))
                patterns.append((re.compile(template), route))
            else:
                exact.setdefault(route.path, []).append(route)
    return Table(exact, patterns)
