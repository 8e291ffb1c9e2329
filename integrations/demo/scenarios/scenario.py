"""What an entry of the "what if" menu is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

    from stateful_oauth.demo.scenarios.visit import Visit

Action: TypeAlias = "Callable[[Visit], HttpResponse]"


@dataclass(frozen=True, slots=True)
class Step:
    """Something more to do, offered on the entry's own page."""

    slug: str
    label: str
    act: Action


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several variants of an entry."""

    slug: str
    label: str
    code: str
    act: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """An entry.

    Attributes:
        what: One sentence: what will happen.
        codes: The error codes whose pages it shows, in this order; none when it ends well.
        log_codes: The error codes that only its log has.
        begin: What the button does. With `choices` the visitor picks one of them instead.
        afterwards: What its own page says when it went well, or between two steps.
        ends: How it ends, in two words, where no error page tells.
    """

    slug: str
    title: str
    what: str
    codes: tuple[str, ...] = ()
    log_codes: tuple[str, ...] = ()
    begin: Action | None = None
    steps: tuple[Step, ...] = ()
    choices: tuple[Choice, ...] = ()
    afterwards: str = ""
    ends: str = "signed in"

    def action(self, step: str, choice: str) -> Action | None:
        """Return what the visitor asked for, or None if there is no such thing."""
        if step:
            return next((known.act for known in self.steps if known.slug == step), None)
        if self.choices:
            return next((known.act for known in self.choices if known.slug == choice), None)
        return self.begin


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that belong together."""

    title: str
    about: str
    scenarios: tuple[Scenario, ...]
