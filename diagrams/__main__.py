"""`python -m stateful_oauth.diagrams`: write the diagrams, or check that they are fresh."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from stateful_oauth.diagrams.render import FLOWS, rendered, stale, write
from stateful_oauth.flows.engine.machine import FlowMachine

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit code: 0, 1 when `--check` found something stale, 2 when the arguments are wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m stateful_oauth.diagrams",
        description="Write a page of Markdown and an SVG for every flow, from the machines themselves.",
    )
    parser.add_argument(
        "machines",
        nargs="*",
        metavar="package.module.Machine",
        help="machines of your own project, instead of this package's; needs --output",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="where the files are; by default where this package is"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is stale")
    options = parser.parse_args(arguments)
    if options.machines and options.output is None:
        parser.error("name the folder of your own machines' diagrams with --output")
    folder = options.output or _own_folder()
    if folder is None:
        parser.error("this is an installed package, not a checkout: name a folder with --output")
    try:
        machines = [_machine(path) for path in options.machines] or FLOWS
        files = rendered(machines)
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    if options.check:
        return _check(files, folder, options.machines)
    for path in write(files, folder):
        sys.stdout.write(f"{path}\n")
    return 0


def _check(files: dict[str, str], folder: Path, machines: Sequence[str]) -> int:
    reports = stale(files, folder, complete=not machines)
    if not reports:
        return 0
    again = " ".join(
        ["python -m stateful_oauth.diagrams", *machines, *(["--output", str(folder)] if machines else [])]
    )
    sys.stdout.write("\n\n".join(reports) + "\n\n")
    sys.stderr.write(
        f"The diagrams are not what the machines say. Run `{again}`, look at what changed, and commit it "
        "with the change of the machine.\n"
    )
    return 1


def _own_folder() -> Path | None:
    """Return the folder of this package when it is a checkout's; installed files must not change."""
    folder = Path(__file__).resolve().parent
    return folder if (folder.parent / "pyproject.toml").is_file() else None


def _machine(path: str) -> type[FlowMachine]:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, FlowMachine)):
        raise TypeError(f"{path} is not a FlowMachine.")
    return found


if __name__ == "__main__":
    # A project's own machines are imported from where the command runs.
    sys.path.insert(0, str(Path.cwd()))
    sys.exit(main())
