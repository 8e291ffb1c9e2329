"""Which packages the wheel holds: every one in the folders that `package-dir` in pyproject.toml maps.

setuptools finds packages by itself only where folders are named as they are imported.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent


def packages() -> list[str]:
    """Return the import names of all packages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders: dict[str, str] = project["tool"]["setuptools"]["package-dir"]
    return sorted(
        ".".join([name, *init.parent.relative_to(ROOT / folder).parts])
        for name, folder in folders.items()
        for init in (ROOT / folder).rglob("__init__.py")
    )


if __name__ == "__main__":
    setup(packages=packages())
