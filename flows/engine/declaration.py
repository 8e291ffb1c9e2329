"""What the rest of the project has to know of a flow, without importing its machine.

Each flow's package declares itself in its `__init__.py`, and `flows/registry.py` lists the declarations.
URLs, pages, checks, the end of sessions and diagrams read them, so that a flow arrives by adding files. A
project's own flow declares itself by the same means, and `STATEFUL_OAUTH["FLOWS"]` names the declaration.

Importing a declaration imports neither python-statemachine nor a framework: a process that never moves a
transaction does not pay for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ALWAYS: Final = ""


def gettext_noop(text: str) -> str:
    """Mark a text for `makemessages`, which finds this name. The page that shows it translates it."""
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """The URL that a browser comes back to.

    Attributes:
        path: The URL's path, relative to the package's URLs: `connect/callback/`.
        name: The URL's name, for `reverse("stateful_oauth:…")`.
        code_parameter: The query parameter that holds the single-use code.
        waits_in: The waiting state from which the callback goes on. `TRANSACTION_LIFETIME` is its deadline.
        used_with: The tenant's setting that brings the flow into use, for the checks and the doctor:
                `GIFTS`. `ALWAYS` for a callback that every site needs, and None where no setting tells.
    """

    path: str
    name: str
    code_parameter: str = "code"
    waits_in: str = "awaiting_callback"
    used_with: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """How a user starts the flow again from its error page: a form that is sent to one of the package's URLs.

    Attributes:
        url_name: The URL's name. It takes the form with POST.
        fields: The inputs that the form sends again. The machine's `kept_inputs` has to name them. If one of
            them is missing, the page leads back to where the user came from.
        optional_fields: Inputs that the form sends as well, if the row has them.
        inputs: Inputs that the form does not send: a row that did not succeed keeps them, and the new attempt
            takes them over from there. They never pass through a URL or a page.
        may_switch_user: Whether the form has a button by which the user is asked anew who it is.
        label: The button's text, in English. It may hold `%(name)s` for each of the fields.
    """

    url_name: str
    fields: tuple[str, ...] = ()
    optional_fields: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    may_switch_user: bool = False
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What people read about a flow: plain English, marked with `gettext_noop`, translated where it is shown.

    Attributes:
        title: What an attempt is called, in a list of attempts: "Gift".
        progress: The heading of the page for a browser that waits: "Wrapping it…".
        failure: The heading of the flow's error pages: "The gift was not sent".
        failures: Other headings, by error code.
        messages: What the user is told, by error code, where the table of error codes says something that
            does not suit this flow.
    """

    title: str
    progress: str = "Working on it…"
    failure: str = "This did not work"
    failures: Mapping[str, str] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDeclaration:
    """A flow, as the rest of the project knows it.

    Attributes:
        kind: The flow's name: one word, or with a dot, `app_label.name`, for a project's own flow.
        machine: Where its machine is: `package.module:Class`. See `registry.load_machine`.
        needs_user: Whether only a browser with a user can start it. Its pages then speak to that user.
        callback: Where the browser comes back to, or None.
        session_states: The final states whose outcome gives the browser a session. The end of it wipes their
            results, so that a second delivery of their callback gives no session.
        restart: How its error page starts it again, or None.
        texts: What people read about it, or None for general words.
    """

    kind: str
    machine: str
    needs_user: bool = False
    callback: Callback | None = None
    session_states: tuple[str, ...] = ()
    restart: Restart | None = None
    texts: Texts | None = None
