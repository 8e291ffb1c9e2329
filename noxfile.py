"""The tests on every supported pair of Python and Django: `make matrix`.

Each session installs the wheel, as a user would, and not the checkout. An interpreter that this machine does
not have is skipped, with a message. `make matrix NOX_ARGS="--python 3.13"` chooses a Python,
`make matrix NOX_ARGS="--session 'tests(3.13-6.1)'"` a pair, and what follows `--` goes to pytest.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False

MATRIX = {  # Django 6 needs Python 3.12
    "3.11": ["5.2"],
    "3.12": ["5.2", "6.0", "6.1"],
    "3.13": ["5.2", "6.0", "6.1"],
    "3.14": ["5.2", "6.0", "6.1"],
}
FOLDERS = ["flows", "storage", "integrations", "diagrams"]
# What looks at the checkout, whatever Python and Django are; and what needs a browser.
OF_THE_CHECKOUT = ["project", "browser", "budgets/benchmarks"]
BUILD = Path("build", "nox")


def _add_pyenv_to_the_path() -> None:
    """Let nox find the interpreters of pyenv itself: its shims know only those that are switched on."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = [
        interpreter.parent
        for python in MATRIX
        for interpreter in sorted(versions.glob(f"*/bin/python{python}"))
    ]
    os.environ["PATH"] = os.pathsep.join([*map(str, found), os.environ.get("PATH", "")])


@functools.cache
def _wheel() -> Path:
    """Build the wheel from the sdist of a copy, because setuptools takes along what earlier builds left."""
    shutil.rmtree(BUILD, ignore_errors=True)
    (BUILD / "tree").mkdir(parents=True)
    for name in ["pyproject.toml", "README.md", "LICENSE"]:
        shutil.copy(name, BUILD / "tree")
    for folder in FOLDERS:
        shutil.copytree(folder, BUILD / "tree" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(BUILD / "dist")]
    subprocess.run([*build, str(BUILD / "tree")], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return next((BUILD / "dist").glob("*.whl"))


def _constraints(session: nox.Session) -> Path:
    """Write the pins without Django's, which is the session's own."""
    pins = Path("constraints.txt").read_text(encoding="utf-8").splitlines()
    path = Path(session.create_tmp(), "constraints.txt")
    path.write_text(
        "\n".join(pin for pin in pins if not pin.lower().startswith("django==")), encoding="utf-8"
    )
    return path


_add_pyenv_to_the_path()


@nox.session
@nox.parametrize(
    ("python", "django"),
    [
        nox.param(python, django, id=f"{python}-{django}")
        for python, djangos in MATRIX.items()
        for django in djangos
    ],
)
def tests(session: nox.Session, django: str) -> None:
    """Run the tests on one pair of Python and Django, on SQLite and on PostgreSQL."""
    constraints = ["--quiet", "--constraint", str(_constraints(session))]
    wheel = _wheel()
    session.install(*constraints, "--upgrade", "pip")
    session.install(
        *constraints, f"Django=={django}.*", f"django-stateful-oauth[demo] @ {wheel.resolve().as_uri()}"
    )
    session.install(*constraints, f"Django=={django}.*", "--group", "test")
    session.run(
        "python", "-c", "import django, sys; print('Python', sys.version, 'Django', django.__version__)"
    )
    ignored = [f"--ignore=tests/{folder}" for folder in OF_THE_CHECKOUT]
    pytest = ["python", "-P", "-m", "pytest", "-n", os.environ.get("JOBS", "auto"), *ignored]
    session.run(*pytest, "-m", "not slow and not browser", *session.posargs)
    postgresql = [*pytest, "--database=postgresql", "-m", "(database or database_in_ci) and not slow"]
    session.run(*postgresql, *session.posargs)
