"""Which package may import what: other packages (import-linter agrees with the table), and third parties."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

CRYPTOGRAPHY = {"cryptography", "jwt"}
HTTP = {"requests", "urllib3"}  # urllib3 is requests' own: its errors and limits show through
DJANGO = {"django", "asgiref"}  # asgiref is Django's own
THIRD_PARTY = {
    "flows": {"statemachine", "typing_extensions"},  # the latter for type checkers, which bring it along
    "storage": {"django", "cryptography"},
    "diagrams": {"statemachine"},
    "integrations/auth0": CRYPTOGRAPHY | HTTP | {"auth0", "httpx"},  # httpx is auth0-python's own
    "integrations/django": DJANGO | {"django_tasks", "opentelemetry", "rest_framework"},  # extras
    "integrations/emulator": CRYPTOGRAPHY | HTTP | {"httpx", "werkzeug"},
    "integrations/testing": DJANGO | HTTP | {"cryptography", "hypothesis", "pytest", "pytest_django"},
    "integrations/demo": DJANGO | HTTP | {"werkzeug"},
}
PACKAGES = set(THIRD_PARTY)
MAY_IMPORT = {
    "flows": set[str](),
    "storage": {"flows"},
    "diagrams": {"flows"},
    "integrations/auth0": {"flows"},
    "integrations/django": {"flows", "storage", "integrations/auth0", "diagrams"},
    "integrations/emulator": set[str](),
    "integrations/testing": PACKAGES,
    "integrations/demo": PACKAGES,
}
MAY_NOT_REACH = {  # not even through another package
    "flows": {"auth0", "cryptography", "django", "httpx", "jwt", "opentelemetry", "requests", "werkzeug"},
    "storage": {"auth0", "httpx", "jwt", "opentelemetry", "requests", "werkzeug"},
    "diagrams": {"auth0", "cryptography", "django", "jwt", "opentelemetry", "requests"},
    "integrations/auth0": {"django"},
    "integrations/emulator": {"django"},
}


# Within flows/: what every flow stands on, and what one flow takes over from another.
SHARED = {"engine", "oauth"}
TAKES_OVER = {
    ("login", "account_linking"),  # a sign-in opens it
}


def test_a_flow_imports_the_engine_and_what_flows_share_but_no_other_flow(packages: dict[str, Path]) -> None:
    folder = packages["stateful_oauth.flows"]
    flows = {init.parent.name for init in folder.glob("*/__init__.py")}
    may = {package: {package, *SHARED} for package in flows - SHARED}
    may |= {"engine": {"engine"}, "oauth": {"engine", "oauth"}}
    for flow, other in TAKES_OVER:
        may[flow].add(other)
    found = {(package, each) for package in flows for each in _packages_imported(folder / package)}
    wrong = {(package, each) for package, each in found if each in flows and each not in may[package]}
    assert wrong == set()
    assert found >= TAKES_OVER, "An exception that is gone has to go from here."
    assert {each for _, each in found} <= flows | {"error_codes"}, "Only the registry knows all flows."


def _packages_imported(folder: Path) -> set[str]:
    """What the modules of a package import of `stateful_oauth.flows`, wherever they do."""
    imported: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stateful_oauth.flows"):
                parts = (node.module or "").split(".")
                imported |= {parts[2]} if len(parts) > 2 else {each.name for each in node.names}
    return imported


def test_each_package_imports_only_the_packages_that_it_may(packages: dict[str, Path], root: Path) -> None:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for folder in packages.values():
        for module in folder.rglob("*.py"):
            found[folder.relative_to(root).as_posix()] |= _third_party(module)
    assert set(found) <= set(THIRD_PARTY), "a new package: say what it may import"
    assert {
        package: extra for package, names in found.items() if (extra := names - THIRD_PARTY[package])
    } == {}


def test_the_arrows_between_packages_hold(root: Path) -> None:
    result = _lint_imports(root / "pyproject.toml", root)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "package", sorted(package for package, others in MAY_IMPORT.items() if others != PACKAGES)
)
def test_each_forbidden_arrow_is_noticed(
    package: str, tmp_path: Path, root: Path, packages: dict[str, Path]
) -> None:
    """A test of the contracts: add every import that the package may not have to a copy of the package."""
    forbidden = {_name(other) for other in PACKAGES - MAY_IMPORT[package] - {package}} | MAY_NOT_REACH.get(
        package, set()
    )
    result = _lint_a_copy(tmp_path, root, packages, {package: forbidden})
    report = rf"^{_name(package)} is not allowed to import (\S+):$"
    reported = set(re.findall(report, result.stdout, re.MULTILINE))
    assert forbidden - reported == set(), result.stdout


def test_no_other_arrow_is_forbidden(tmp_path: Path, root: Path, packages: dict[str, Path]) -> None:
    allowed = {package: {_name(other) for other in MAY_IMPORT[package] - {package}} for package in MAY_IMPORT}
    result = _lint_a_copy(tmp_path, root, packages, allowed)
    assert result.returncode == 0, result.stdout


_REFUSED = [
    ("import {0}", "TID251"),
    ("import {0}.errors", "TID251"),
    ("from {0}.errors import FlowError", "TID251"),
    ("def late() -> None:\n    from {0} import errors", "TID251"),
    ("from . import errors", "TID252"),
    ("from ..{0} import errors", "TID252"),
]
_ROOMS = ["flows", "storage", "integrations", "diagrams"]


@pytest.fixture(scope="module")
def rules_found(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], set[str]]:
    """The rules that ruff reports for each package and statement, all from one call."""
    copy = tmp_path_factory.mktemp("linted")
    files: dict[str, tuple[str, str]] = {}
    for package in _ROOMS:
        (copy / package).mkdir()
        for number, (statement, _) in enumerate(_REFUSED):
            name = f"{package}/added_{number}.py"
            (copy / name).write_text(statement.format(package) + "\n")
            files[name] = package, statement
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID", "--output-format", "json"]
    command += ["--no-cache", "--config", str(root / "pyproject.toml"), *files]
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stderr
    found: dict[tuple[str, str], set[str]] = {key: set() for key in files.values()}
    for each in json.loads(result.stdout):
        found[files[Path(each["filename"]).relative_to(copy.resolve()).as_posix()]].add(each["code"])
    return found


@pytest.mark.parametrize("package", _ROOMS)
@pytest.mark.parametrize(("statement", "rule"), _REFUSED)
def test_the_linter_refuses_bare_and_relative_imports(
    package: str, statement: str, rule: str, rules_found: dict[tuple[str, str], set[str]]
) -> None:
    assert rule in rules_found[package, statement]


def _third_party(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name.partition(".")[0] for alias in aliases}
            case ast.ImportFrom(module=str(name), level=0):
                names.add(name.partition(".")[0])
    return names - sys.stdlib_module_names - {"stateful_oauth"}


def _name(package: str) -> str:
    return "stateful_oauth." + _folder(package)


def _folder(package: str) -> str:
    """`integrations/` is transparent: it is no part of a name."""
    return package.removeprefix("integrations/")


def _lint_a_copy(
    copy: Path, root: Path, packages: dict[str, Path], added: dict[str, set[str]]
) -> subprocess.CompletedProcess[str]:
    for folder in packages.values():
        shutil.copytree(folder, copy / "stateful_oauth" / folder.name)
    for package, names in added.items():
        with (copy / "stateful_oauth" / _folder(package) / "__init__.py").open("a") as module:
            module.write(
                "\n\ndef late():\n    pass\n" + "".join(f"    import {name}\n" for name in sorted(names))
            )
    return _lint_imports(root / "pyproject.toml", copy)


def _lint_imports(configuration: Path, first_on_the_path: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    command += ["--config", str(configuration), "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(first_on_the_path), "COLUMNS": "250", "NO_COLOR": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        command, cwd=first_on_the_path, env=environment, capture_output=True, text=True, check=False
    )
