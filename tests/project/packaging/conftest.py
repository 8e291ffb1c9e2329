"""The distributions, built once per test run, and a user's environment with the wheel in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.checkout import ROOT

NOT_SOURCE = shutil.ignore_patterns("__pycache__", ".*", "build", "dist", "*.egg-info", "*.sqlite3*")


@dataclass(frozen=True, slots=True)
class Distributions:
    """What was built, and the copy of the checkout that it was built from."""

    tree: Path
    sdist: Path
    wheel: Path


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment with the wheel installed."""

    folder: Path

    @property
    def python(self) -> Path:
        scripts = sysconfig.get_path("scripts", "venv", {"base": str(self.folder)})
        return Path(scripts) / ("python.exe" if os.name == "nt" else "python")

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run this environment's Python outside of the checkout, knowing nothing of it."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO_"))
        }
        return subprocess.run(
            [str(self.python), "-P", *arguments],
            cwd=self.folder,
            env=kept | variables,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Make a folder once, however many workers of pytest-xdist ask for it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def make(name: str, maker: Callable[[Path], None]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # whoever tried before me failed
                folder.mkdir()
                maker(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def distributions(once: Callable[[str, Callable[[Path], None]], Path]) -> Distributions:
    """The sdist, and the wheel built from it."""
    built = once("distributions", _build)
    (sdist,) = built.glob("dist/*.tar.gz")
    (wheel,) = built.glob("dist/*.whl")
    return Distributions(built / "tree", sdist, wheel)


@pytest.fixture(scope="session")
def environment(
    distributions: Distributions, once: Callable[[str, Callable[[Path], None]], Path]
) -> Environment:
    """An environment with the wheel, its `demo` extra, and nothing else."""

    def install(folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=os.name != "nt")
        requirement = f"django-stateful-oauth[demo] @ {distributions.wheel.as_uri()}"
        pip = [sys.executable, "-m", "pip", "--python", str(Environment(folder).python), "install"]
        options = ["--quiet", "--disable-pip-version-check", "--constraint", str(ROOT / "constraints.txt")]
        _run([*pip, *options, requirement], folder)

    return Environment(once("environment", install))


def _build(folder: Path) -> None:
    # A copy, because setuptools would take along whatever an earlier build left in the checkout.
    shutil.copytree(ROOT, folder / "tree", ignore=NOT_SOURCE)
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", "../dist", "."], folder / "tree")


def _run(command: list[str], folder: Path) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
