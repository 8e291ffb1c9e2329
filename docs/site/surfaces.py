"""The pages of the reference about commands, signals, metrics and templates, read from the code."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.core.management import BaseCommand, get_commands, load_command_class
from django.dispatch import Signal

import stateful_oauth.django as front_door
from docs.site.api import markdown
from stateful_oauth.django.signals import Transition
from stateful_oauth.django.telemetry.spans import Telemetry

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

APP: Final = "stateful_oauth.django"
_TAG: Final = re.compile(r"{%\s*(?:if|elif|for \w+ in|include|with|url)\s([^%]*)%}|{{\s*([^}]*)}}")
_VARIABLE: Final = re.compile(r"(?<![\w'\".:|/])([a-z_]\w*)(?:\.[\w.]+)?")
_WORDS: Final = frozenset(
    {"and", "or", "not", "in", "is", "with", "only", "as", "if", "forloop", "block", "True", "False", "None"}
)
_BOUND: Final = re.compile(
    r"{%\s*(?:for ([\w, ]+) in|(?:blocktranslate|with|include)\s[^%]*?(\w+)=)|{%[^%]*? as (\w+)\s*%}"
)


def pages() -> dict[str, str]:
    """Return the pages by their paths in the site's source."""
    return {
        "reference/commands.md": commands(),
        "reference/signals.md": signals(),
        "reference/metrics.md": metrics(),
        "reference/templates.md": templates(),
    }


def command_names() -> list[str]:
    """Return the names of the package's own commands."""
    return sorted(name for name, app in get_commands().items() if app == APP)


def commands() -> str:
    """Return the page of `manage.py` commands with all of their own options."""
    return "# Commands\n\nEach is a command of `manage.py`.\n\n" + "\n".join(map(_command, command_names()))


def _command(name: str) -> str:
    command = load_command_class(APP, name)
    parser = command.create_parser("manage.py", name)
    about = markdown(inspect.getdoc(type(command)) or "")
    rows = "".join(map(_option, _own(parser)))
    table = f"| Option | Meaning |\n| --- | --- |\n{rows}" if rows else "It has no options of its own.\n"
    return f"## `{name}`\n\n{command.help}\n\n{about}\n\n{table}"


def _own(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments that Django does not give to every command."""
    everywhere = {each.dest for each in BaseCommand().create_parser("manage.py", "any")._actions}  # noqa: SLF001 - argparse has no other list
    return (each for each in parser._actions if each.dest not in everywhere)  # noqa: SLF001 - as above


def _option(action: argparse.Action) -> str:
    name = ", ".join(f"`{each}`" for each in action.option_strings) or f"`{action.dest}`"
    choices = f" One of {', '.join(f'`{each}`' for each in action.choices)}." if action.choices else ""
    default = action.default
    shown = f" Default: `{default}`." if default not in (None, False, "", "==SUPPRESS==") else ""
    text = " ".join(str(action.help or "").replace("%%", "%").split()).replace("|", "\\|")
    return f"| {name} | {text}{choices}{shown} |\n"


def signal_names() -> list[str]:
    """Return the names of the signals in the front door."""
    return [name for name in front_door.__all__ if isinstance(getattr(front_door, name), Signal)]


def signals() -> str:
    """Return the page of signals: what each carries is in the comments of their module."""
    source = inspect.getsource(inspect.getmodule(Transition))  # type: ignore[arg-type] # it has one
    module = inspect.getmodule(Transition)
    parts = [f"# Signals\n\n{markdown(inspect.getdoc(module) or '')}\n"]
    for name in signal_names():
        comment = re.search(rf"((?:^# .*\n)+){name}: Final = Signal", source, re.MULTILINE)
        said = " ".join(line.lstrip("# ") for line in comment[1].splitlines()) if comment else ""
        parts.append(f"## `{name}`\n\n```python\nfrom {APP} import {name}\n```\n\n{said}\n")
    fields = "".join(f"- `{each.name}`: `{each.type}`\n" for each in dataclasses.fields(Transition))
    parts.append(
        f"## `Transition`\n\n{markdown(inspect.getdoc(Transition) or '')}\n\nAll fields:\n\n{fields}"
    )
    return "\n".join(parts)


class _Meter:
    """Notes the instruments that it is asked for; takes no measurements."""

    def __init__(self) -> None:
        self.instruments: list[tuple[str, str, str, str]] = []

    def get_meter(self, *_: Any, **__: Any) -> _Meter:
        return self

    def __getattr__(self, name: str) -> Any:
        def note(title: str, unit: str = "", description: str = "", **_: Any) -> None:
            self.instruments.append(
                (title, name.removeprefix("create_").replace("_", " "), unit, description)
            )

        return note


def instruments() -> list[tuple[str, str, str, str]]:
    """Return name, kind, unit and description of each instrument."""
    meter = _Meter()
    Telemetry(meter_provider=meter)  # type: ignore[arg-type] # as much of a provider as making instruments takes
    return meter.instruments


def metrics() -> str:
    """Return the page of OpenTelemetry's instruments."""
    rows = "".join(f"| `{name}` | {kind} | `{unit}` | {text} |\n" for name, kind, unit, text in instruments())
    return (
        "# Metrics\n\nWith the extra `telemetry`, and an OpenTelemetry SDK that you configure. "
        "The attributes, and the spans, are in "
        "[OpenTelemetry](../operations.md#opentelemetry).\n\n"
        f"| Metric | Kind | Unit | What it counts |\n| --- | --- | --- | --- |\n{rows}"
    )


def template_names() -> list[str]:
    """Return the names of the templates that a project can override."""
    folder = Path(inspect.getfile(front_door)).parent / "templates"
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.html"))


def templates() -> str:
    """Return the page of templates, with the variables that each reads."""
    folder = Path(inspect.getfile(front_door)).parent / "templates"
    rows = []
    for name in template_names():
        text = (folder / name).read_text(encoding="utf-8")
        extends = re.search(r'{%\s*extends\s+"([^"]+)"', text)
        blocks = re.findall(r"{%\s*block\s+(\w+)", text)
        cells = [
            f"`{name}`",
            f"`{extends[1]}`" if extends else "",
            _listed(dict.fromkeys(blocks)),
            _listed(variables(text)),
        ]
        rows.append(f"| {' | '.join(cells)} |\n")
    return (
        "# Templates\n\nOverride any of them by its name. "
        "What each variable means is in [Pages](../customising.md#pages).\n\n"
        "| Template | Extends | Blocks | Variables that it reads |\n| --- | --- | --- | --- |\n"
        + "".join(rows)
    )


def variables(text: str) -> list[str]:
    """Return the names that a template takes from its context."""
    bound = {name.strip() for match in _BOUND.findall(text) for each in match for name in each.split(",")}
    found = set()
    for tag, variable in _TAG.findall(text):
        for name in _VARIABLE.findall(re.sub(r"'[^']*'|\"[^\"]*\"|\w+=", " ", tag or variable.split("|")[0])):
            found.add(name)
    return sorted(found - _WORDS - bound)


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)
