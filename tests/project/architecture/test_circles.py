"""No module imports in a circle, not even for types: a reader can begin at the bottom."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path


def test_no_modules_import_each_other_in_a_circle(packages: dict[str, Path]) -> None:
    modules = dict(_modules(packages))
    imports = {name: _imported(name, path, modules) for name, path in modules.items()}
    assert len(imports) > 300
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        raise AssertionError(" <- ".join(error.args[1])) from error


def _modules(packages: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for package, folder in packages.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            yield ".".join(parts).removesuffix(".__init__"), path


def _imported(name: str, path: Path, modules: Mapping[str, Path]) -> set[str]:
    """Return the modules that one imports: at its top, in functions, and for types."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            named = {f"{node.module}.{each.name}" for each in node.names}
            found |= {each if each in modules else node.module for each in named}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return (found & modules.keys()) - {name}
