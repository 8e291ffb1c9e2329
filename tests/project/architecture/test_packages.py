"""The folders of the checkout are the import package, and are cut as docs/architecture.md says."""

from __future__ import annotations

import importlib.util
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

TOP_LEVEL = {
    *("flows", "storage", "integrations", "tests", "diagrams", "docs", ".ci", ".github"),
    *("pyproject.toml", "setup.py", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"),
    *("RELEASING.md", "THREAT_MODEL.md", ".pre-commit-config.yaml"),
    *("Makefile", "noxfile.py", "constraints.txt", ".gitignore", ".gitattributes"),
}
LONGEST = 440  # "about 400 lines": a tenth more, never far more
LONGER: dict[str, str] = {}  # path: why it is one concern nevertheless
VAGUE = {"utils", "util", "helpers", "helper", "misc", "common", "tools"}


def test_the_top_level_is_what_is_expected(committed: list[Path]) -> None:
    assert {path.parts[0] for path in committed} <= TOP_LEVEL


def test_every_package_is_in_the_wheel(packages: dict[str, Path], root: Path) -> None:
    found = {
        ".".join([package, *init.parent.relative_to(folder).parts])
        for package, folder in packages.items()
        for init in folder.rglob("__init__.py")
    }
    assert runpy.run_path(str(root / "setup.py"))["packages"]() == sorted(found)


def test_every_module_is_in_a_package(packages: dict[str, Path]) -> None:
    modules = {module for folder in packages.values() for module in folder.rglob("*.py")}
    assert [str(module) for module in modules if not (module.parent / "__init__.py").exists()] == []


def test_the_packages_are_imported_from_their_folders(root: Path) -> None:
    """Whatever is installed: this checkout, or a wheel of it, with the same modules."""
    for name in runpy.run_path(str(root / "setup.py"))["packages"]():
        spec = importlib.util.find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, f"{name} has no __init__.py where it is installed"


def test_the_mapping_is_that_of_the_folders(packages: dict[str, Path], root: Path) -> None:
    """Each package of `integrations/` is imported without it; every other folder by its own name."""
    folders = [root / "flows", root / "storage", root / "diagrams"]
    folders += [folder for folder in (root / "integrations").iterdir() if (folder / "__init__.py").exists()]
    assert packages == {f"stateful_oauth.{folder.name}": folder for folder in folders}
    assert [str(path) for path in (root / "integrations").glob("*.py")] == []


def test_the_package_itself_is_a_namespace_without_a_file() -> None:
    spec = importlib.util.find_spec("stateful_oauth")
    assert spec is not None
    assert spec.origin is None


@pytest.mark.parametrize("package", ["flows", "storage", "integrations", "diagrams"])
def test_a_bare_import_finds_nothing(package: str, tmp_path: Path) -> None:
    """The bare names belong to the project of whoever installs the package."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is not None)"
    assert subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=False).returncode == 0


def test_every_top_level_package_is_typed(packages: dict[str, Path]) -> None:
    assert [package for package, folder in packages.items() if not (folder / "py.typed").is_file()] == []


def test_no_module_is_longer_than_one_can_read(packages: dict[str, Path], root: Path) -> None:
    lengths = {
        str(module.relative_to(root)): len(module.read_text().splitlines())
        for folder in [*packages.values(), root / "tests"]
        for module in folder.rglob("*.py")
        if "migrations" not in module.parts
    }
    assert {
        module: lines for module, lines in lengths.items() if lines > LONGEST and module not in LONGER
    } == {}
    assert {module for module in LONGER if lengths.get(module, 0) <= LONGEST} == set(), "no longer needed"


def test_no_module_has_a_name_that_says_nothing(committed: list[Path]) -> None:
    vague = [
        str(path) for path in committed if path.suffix == ".py" and VAGUE & {path.stem, *path.parts[:-1]}
    ]
    assert vague == []
