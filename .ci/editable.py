"""Make an editable install one that static tools follow: `python .ci/editable.py`, after `pip install -e .`.

The import names are not the folders' names, so setuptools installs a finder that Python asks when it imports.
mypy, pyright and editors do not run it, and resolve nothing. This script replaces the finder with a path
file, which they all read.

The path file names a folder of links: `stateful_oauth/auth0` leads to `integrations/auth0`, and so on. A link
leads to a folder, so a file that you add is there at once. The links live in the environment.
"""

from __future__ import annotations

import csv
import os
import shutil
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
LINKS = Path(sys.prefix, "checkout")


def main() -> None:
    """Write the links and the path file, and take the finder out of the installed files."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    _link(project["tool"]["setuptools"]["package-dir"])
    installed = distribution(project["project"]["name"])
    files = {file.name: Path(str(file.locate())) for file in installed.files or ()}
    editable = [name for name in files if name.startswith("__editable__")]
    (path_file,) = [files[name] for name in editable if name.endswith(".pth")]
    finder = next((name for name in editable if name.endswith(".py")), None)
    path_file.write_text(os.path.relpath(LINKS, path_file.parent) + "\n", encoding="utf-8")
    if finder is not None:
        files[finder].unlink()
    _record(files["RECORD"], path_file.name, finder)


def _link(folders: dict[str, str]) -> None:
    shutil.rmtree(LINKS, ignore_errors=True)
    for name, folder in folders.items():
        link = LINKS.joinpath(*name.split("."))
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(CHECKOUT / folder, link.parent), target_is_directory=True)


def _record(record: Path, changed: str, removed: str | None) -> None:
    """Keep the list of installed files true, which `pip uninstall` goes by."""
    with record.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row[0] != removed]
    with record.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([row[0], "", ""] if row[0] == changed else row for row in rows)


if __name__ == "__main__":
    main()
