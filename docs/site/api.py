"""The pages of the reference about what projects import: one a front door, from signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FRONT_DOORS: Final = ("django", "flows", "testing", "emulator", "diagrams")

_SECTION: Final = re.compile(r"(Args|Attributes|Returns|Raises|Yields|Example|Examples|Note):\s*")
_ENTRY: Final = re.compile(r"(\S[^:\n]*):\s+(.*)", re.DOTALL)
_ADDRESS: Final = re.compile(r" at 0x[0-9a-f]+")
_LONGEST_SIGNATURE: Final = 400  # characters; a longer one says less than the docstring does


def pages() -> dict[str, str]:
    """Return the pages by their paths in the site's source."""
    return {f"reference/{door}.md": _front_door(door) for door in FRONT_DOORS}


def _front_door(door: str) -> str:
    module = import_module(f"stateful_oauth.{door}")
    names: list[str] = sorted(module.__all__, key=str.lower)
    body = "\n".join(_name(f"stateful_oauth.{door}", name, getattr(module, name)) for name in names)
    return f"# `stateful_oauth.{door}`\n\n{markdown(inspect.getdoc(module) or '')}\n\n{body}"


def _name(module: str, name: str, value: Any) -> str:
    lines = [f"## `{name}`\n"]
    if inspect.isclass(value) or callable(value):
        lines.append(f"```python\nfrom {module} import {name}\n\n{_signature(name, value)}\n```\n")
        documentation = inspect.getdoc(value) or ""
        if inspect.isclass(value) and documentation.startswith(f"{name}("):
            documentation = ""  # what dataclasses write where there is none
        lines.append(markdown(documentation) + "\n")
        if inspect.isclass(value):
            lines.extend(_members(value))
    else:
        lines.append(f"```python\nfrom {module} import {name}\n```\n")
        lines.append(f"A `{type(value).__name__}`.\n")
    return "\n".join(lines)


def _members(owner: type) -> Iterator[str]:
    """Describe the public methods that the class defines itself."""
    for name, member in vars(owner).items():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(function) or not inspect.getdoc(function):
            continue
        title = name if isinstance(member, property) else _signature(name, function)
        text = markdown(inspect.getdoc(function) or "")
        yield f"### `{owner.__name__}.{name}`\n\n```python\n{title}\n```\n\n{text}\n"


def _signature(name: str, value: Any) -> str:
    try:
        signature = str(inspect.signature(value))
    except (TypeError, ValueError):
        return name
    whole = f"{name}{_ADDRESS.sub('', signature)}"
    return whole if len(whole) <= _LONGEST_SIGNATURE else f"{name}(…)"


def markdown(documentation: str) -> str:
    """Return a docstring as Markdown: its sections as lists, and its indented blocks as code.

    Args:
        documentation: As `inspect.getdoc` returns it.
    """
    out: list[str] = []
    title = ""
    for block in re.split(r"\n\s*\n", documentation):
        lines = block.splitlines()
        if (heading := _SECTION.fullmatch(lines[0] if lines else "")) is not None:
            title = heading[1]
            if title in {"Args", "Attributes", "Returns", "Raises", "Yields"}:
                out.append(f"**{title}**\n\n{_entries(lines[1:])}")
                continue
            lines = lines[1:]
        if lines and all(line.startswith("    ") for line in lines):
            out.append("```text\n" + inspect.cleandoc("\n".join(lines)) + "\n```")
        else:
            out.append(_escaped("\n".join(lines)))
    return "\n\n".join(each for each in out if each.strip())


def _entries(lines: list[str]) -> str:
    """Return the entries of a section as a list: `name: what it is`, with continuation lines indented."""
    entries: list[str] = []
    text = inspect.cleandoc("\n".join(lines))
    for line in text.splitlines():
        if line.startswith(" ") and entries:
            entries[-1] += f" {line.strip()}"
        else:
            entries.append(line.strip())
    found = []
    for entry in entries:
        match = _ENTRY.fullmatch(entry)
        found.append(
            f"- `{match[1]}`: {_escaped(match[2])}"
            if match and " " not in match[1]
            else f"- {_escaped(entry)}"
        )
    return "\n".join(found)


def _escaped(text: str) -> str:
    """Keep what looks like a tag, or like a Markdown link, as it is written."""
    parts = re.split(r"(``.+?``|`[^`]*`)", text)
    return "".join(
        part if index % 2 else re.sub(r"([<\[*_#])", r"\\\1", part) for index, part in enumerate(parts)
    )
