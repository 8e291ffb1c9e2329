"""README, docs/ and its examples import from the front doors only: all else may move."""

from __future__ import annotations

import ast
import re
import textwrap
from importlib import import_module

import pytest

from tests.support.checkout import ROOT

FRONT_DOORS = (
    "stateful_oauth.django",
    "stateful_oauth.flows",
    "stateful_oauth.testing",
    "stateful_oauth.emulator",
    "stateful_oauth.diagrams",
)
# What Django's settings name by a string: apps, and the module that `include` takes.
DOTTED = {
    "stateful_oauth.storage",
    "stateful_oauth.django",
    "stateful_oauth.django.admin_urls",
    "stateful_oauth.django.urls",
}

_FENCE = re.compile(r"^( *)```python[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def _sources():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for number, (indent, code) in enumerate(_FENCE.findall(page.read_text()), 1):
            del indent
            yield pytest.param(textwrap.dedent(code), id=f"{page.name}-{number}")
    for path in sorted((ROOT / "docs" / "examples").rglob("*.py")):
        yield pytest.param(path.read_text(), id=str(path.relative_to(ROOT / "docs" / "examples")))


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stateful_oauth"):
            yield node.module, [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names if alias.name.startswith("stateful_oauth"))


def _dotted(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and re.fullmatch(r"stateful_oauth(\.\w+)+", str(node.value)):
            yield node.value


@pytest.mark.parametrize("source", [*_sources()])
def test_code_imports_from_front_doors_only(source):
    try:
        tree = ast.parse(source)
    except SyntaxError:
        pytest.skip("an excerpt, or a signature")
    for module, names in _imports(tree):
        assert module in FRONT_DOORS
        for name in names:
            assert name in import_module(module).__all__
    for path in _dotted(tree):
        module, _, name = path.rpartition(".")
        assert path in DOTTED or (module in FRONT_DOORS and name in import_module(module).__all__)
