"""Names of tests say the behaviour alone: a line of a failing run is read without its neighbours."""

from __future__ import annotations

import ast
import subprocess

import pytest

from tests.support.checkout import ROOT

_LEAST = 5  # words
_LEANING = {"and", "nor", "but", "or", "so", "yet"}  # a name that begins so needs the one before it


def _names(source):
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def _cannot_stand_alone(name):
    words = name.removeprefix("test_").split("_")
    return len(words) < _LEAST or words[0] in _LEANING


@pytest.mark.parametrize(
    "name", ["test_twice", "test_400", "test_too_late", "test_nor_by_what_was_started_before"]
)
def test_a_name_that_cannot_stand_alone_is_found(name):
    assert _cannot_stand_alone(name)


def test_every_name_of_a_test_can_be_understood_alone():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "tests/**/test_*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = {
        f"{path}: {name}"
        for path in listed.stdout.split()
        for name in _names((ROOT / path).read_text(encoding="utf-8"))
        if _cannot_stand_alone(name)
    }
    assert not found, f"Write at least {_LEAST} words that say the behaviour: {sorted(found)}"
