"""The checkout, as the architecture tests see it."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import ROOT

PASSED_OVER = ("__pycache__", ".*", "build", "dist", "*.egg-info")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="session")
def packages(project: dict[str, Any]) -> dict[str, Path]:
    """The top-level packages: import name and folder."""
    mapping: dict[str, str] = project["tool"]["setuptools"]["package-dir"]
    return {name: ROOT / folder for name, folder in mapping.items()}


@pytest.fixture(scope="session")
def committed(root: Path) -> list[Path]:
    """What is committed or about to be, relative to the checkout."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        pytest.skip("not a git checkout")
    listing = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(name) for name in listing.stdout.split("\0") if name and (root / name).is_file()]
