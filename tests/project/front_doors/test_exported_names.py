"""The front doors: what each audience imports, held so that a rename is a decision."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from tests.support.checkout import ROOT

FRONT_DOORS = {
    "stateful_oauth.django": "integrations/django",
    "stateful_oauth.flows": "flows",
    "stateful_oauth.testing": "integrations/testing",
    "stateful_oauth.emulator": "integrations/emulator",
    "stateful_oauth.diagrams": "diagrams",
}
NAMES = [(door, name) for door in FRONT_DOORS for name in import_module(door).__all__]

_IN_SETTINGS = """
import sys
from importlib import import_module
for name in {doors}:
    import_module(name)
print(sorted({{"django.conf", "statemachine", "requests", "hypothesis"}} & set(sys.modules)))
"""


@pytest.mark.parametrize(("door", "name"), NAMES)
def test_name_is_there_and_documented(door, name):
    found = getattr(import_module(door), name)
    if inspect.isclass(found) or inspect.isroutine(found):
        assert inspect.getdoc(found)
        assert found.__module__.startswith("stateful_oauth.")


@pytest.mark.parametrize("door", FRONT_DOORS)
def test_names_are_sorted_and_listed_once(door):
    names = import_module(door).__all__
    assert len(names) == len(set(names))
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert set(names) <= set(dir(import_module(door)))


@pytest.mark.parametrize("door", FRONT_DOORS)
def test_static_tools_see_the_same_names(door):
    tree = ast.parse((ROOT / FRONT_DOORS[door] / "__init__.py").read_text())
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stateful_oauth.")
        for alias in node.names
    }
    assert imported - {"lazy_names"} == set(import_module(door).__all__)


@pytest.mark.parametrize("door", FRONT_DOORS)
def test_unknown_name_is_an_attribute_error(door):
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = import_module(door).no_such_name


def test_settings_can_import_them_before_django_is_set_up():
    doors = ["stateful_oauth.django", "stateful_oauth.flows", "stateful_oauth.testing"]
    ran = subprocess.run(
        [sys.executable, "-c", _IN_SETTINGS.format(doors=doors)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_function_with_io_has_an_async_twin():
    door = import_module("stateful_oauth.django")
    for name in door.__all__:
        found = getattr(door, name)
        if inspect.iscoroutinefunction(found):
            twin = getattr(door, name.removeprefix("a"))
            assert inspect.signature(found) == inspect.signature(twin)
    functions = {name for name in door.__all__ if inspect.isfunction(getattr(door, name))}
    twins = {name for name in functions if inspect.iscoroutinefunction(getattr(door, name))}
    assert functions - twins - {name.removeprefix("a") for name in twins} == {
        "bearer_required",
        "callback_view",
        "flow_view",
        "management_api",
        "organization_required",
        "permission_denied_view",
        "readiness_view",
        "recent_sign_in",
    }
