"""One list of supported versions: what the package declares, what nox tests, and what README.md says."""

from __future__ import annotations

import ast
import re
import tomllib

import pytest

from tests.support.checkout import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _matrix():
    """Return `MATRIX` of noxfile.py, which is not imported: users of the tests need no nox."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    (found,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "MATRIX"
    ]
    return ast.literal_eval(found)


def _classified(prefix):
    pattern = rf"{re.escape(prefix)} :: (\d+\.\d+)"
    return {match[1] for each in PROJECT["classifiers"] if (match := re.fullmatch(pattern, each))}


def _by_number(versions):
    return sorted(versions, key=lambda version: [*map(int, version.split("."))])


@pytest.mark.security("B18")
def test_every_python_that_the_package_declares_is_in_the_matrix():
    pythons = _by_number(_matrix())
    assert _by_number(_classified("Programming Language :: Python")) == pythons
    assert PROJECT["requires-python"] == f">={pythons[0]}"


@pytest.mark.security("B18")
def test_every_django_that_the_package_declares_is_in_the_matrix():
    djangos = _by_number({django for row in _matrix().values() for django in row})
    assert _by_number(_classified("Framework :: Django")) == djangos
    major, minor = djangos[-1].split(".")
    assert f"Django>={djangos[0]},<{major}.{int(minor) + 1}" in PROJECT["dependencies"]


@pytest.mark.security("B18")
def test_the_readme_names_the_versions_of_the_matrix():
    pythons = _by_number(_matrix())
    *first, last = _by_number({django for row in _matrix().values() for django in row})
    said = f"Python {pythons[0]} to {pythons[-1]}, Django {', '.join(first)}, and {last}"
    assert said in (ROOT / "README.md").read_text(encoding="utf-8")
