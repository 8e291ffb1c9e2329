"""Which flows are drawn into which files, and whether the files are fresh."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from stateful_oauth.diagrams.connections import STEM
from stateful_oauth.diagrams.graph import identifier, read_graph
from stateful_oauth.diagrams.markdown import GENERATED, render_markdown
from stateful_oauth.diagrams.overview import render_overview
from stateful_oauth.diagrams.overview_page import render_overview_page
from stateful_oauth.diagrams.svg import render_svg
from stateful_oauth.flows.registry import built_in_machines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stateful_oauth.flows.engine.machine import FlowMachine

FLOWS: Final = built_in_machines()
_DIFF_LINES: Final = 60


def file_stem(kind: str) -> str:
    """Return the name, without ending, of the files of a flow."""
    return ".".join(identifier(part) for part in kind.split("."))


def _page_of(kind: str) -> str:
    return f"{file_stem(kind)}.md"


def rendered(machines: Iterable[type[FlowMachine]]) -> dict[str, str]:
    """Return the files of these flows: their text by their name. Several have an overview as well."""
    machines = tuple(machines)
    files: dict[str, str] = {}
    if len(machines) > 1:
        files[f"{STEM}.md"] = render_overview_page(machines, svg=f"{STEM}.svg", page_of=_page_of)
        files[f"{STEM}.svg"] = render_overview(machines)
    for machine in machines:
        stem = file_stem(read_graph(machine).kind)
        files[f"{stem}.md"] = render_markdown(machine, svg=f"{stem}.svg")
        files[f"{stem}.svg"] = render_svg(machine)
    return files


def write(files: dict[str, str], folder: Path) -> list[Path]:
    """Write the files that are not fresh.

    Returns:
        Those that were written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in files.items():
        path = folder / name
        if _read(path) != text:
            # Bytes, because line ends must be the same on every system.
            path.write_bytes(text.encode())
            written.append(path)
    return written


def stale(files: dict[str, str], folder: Path, *, complete: bool) -> list[str]:
    """Return a report for every file that is not what the machines say, empty when all are fresh.

    Args:
        complete: The files are all that there should be: report pages of flows that are no more.
    """
    reports = []
    for name, text in files.items():
        found = _read(folder / name)
        if found is None:
            reports.append(f"{folder / name} is missing.")
        elif found != text:
            reports.append(_diff(folder / name, found, text))
    if complete and folder.is_dir():
        reports += [
            f"{path} belongs to no flow any more: delete it and {path.stem}.svg."
            for path in sorted(folder.glob("*.md"))
            if path.name not in files and (_read(path) or "").startswith(GENERATED)
        ]
    return reports


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return None


def _diff(path: Path, found: str, expected: str) -> str:
    lines = list(
        difflib.unified_diff(
            found.splitlines(),
            expected.splitlines(),
            f"{path} (committed)",
            f"{path} (rendered)",
            lineterm="",
        )
    ) or [f"{path} differs in its line ends: it must have \\n only."]
    if len(lines) > _DIFF_LINES:
        lines = [*lines[:_DIFF_LINES], f"… and {len(lines) - _DIFF_LINES} more lines"]
    return "\n".join(lines)


__all__ = ["FLOWS", "file_stem", "rendered", "stale", "write"]
