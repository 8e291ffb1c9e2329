"""docs/security-checklist.md: each rule is proven by a test, or the page says that it is not."""

from __future__ import annotations

import importlib.util
import re

import pytest

from tests.support.checkout import ROOT


def _load():
    spec = importlib.util.spec_from_file_location("security_checklist", ROOT / "docs/security_checklist.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


checklist = _load()
PAGE = checklist.PAGE.read_text(encoding="utf-8")
RULES = checklist.rules(PAGE)


def test_each_rule_stands_once_and_in_order():
    assert len(RULES) == len(set(RULES))
    for group, count in {"S": 20, "T": 20, "L": 17, "B": 50}.items():
        numbers = [int(each[1:]) for each in RULES if each[0] == group]
        assert numbers[:count] == list(range(1, count + 1)), f"Ids of {group} are never given up or reused."
        assert numbers == list(range(1, len(numbers) + 1))


def test_each_rule_is_proven_by_a_test_or_said_not_to_be():
    proven = checklist.proof()
    lacking = [each for each in RULES if each not in proven and each not in checklist.NOT_PROVEN]
    assert not lacking, (
        f"Mark the tests of {lacking}, or add the ids to NOT_PROVEN in docs/security_checklist.py."
    )
    done = sorted(set(checklist.NOT_PROVEN) & set(proven))
    assert not done, f"{done} have tests: take them out of NOT_PROVEN in docs/security_checklist.py."


def test_each_marker_names_a_rule_of_the_page():
    unknown = {each: tests for each, tests in checklist.proof().items() if each not in RULES}
    assert not unknown, "These ids are not in docs/security-checklist.md."
    assert set(checklist.NOT_PROVEN) | set(checklist.PROVEN_IN_PART) <= set(RULES)


def test_each_rule_names_files_that_exist():
    rows = [row for row in PAGE.splitlines() if row.startswith("| [")]
    for row in rows:
        where = row.split("|")[3]
        assert where.strip() == "nowhere yet" or "`" in where, row
        for path in re.findall(r"`([^`]+)`", where):
            assert (ROOT / path).exists(), f"{path} is not there: {row}"


SOURCE = """
pytestmark = [pytest.mark.database, pytest.mark.security("S1")]

@pytest.mark.security("S2", "L3")
def test_function(): ...

@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.security("T4"))])
async def test_parameters(x): ...

@pytest.mark.security("B5")
class TestClass:
    pytestmark = pytest.mark.security("B6")

    @pytest.mark.security("B7")
    def test_method(self): ...

def test_without(): ...
"""


def test_markers_are_found_wherever_pytest_takes_them(tmp_path, monkeypatch):
    monkeypatch.setattr(checklist, "ROOT", tmp_path)
    source = tmp_path / "test_some.py"
    source.write_text(SOURCE)
    assert checklist.tests_of(source) == {
        "test_some.py": {"S1"},
        "test_some.py::test_function": {"S2", "L3"},
        "test_some.py::test_parameters": {"T4"},
        "test_some.py::TestClass": {"B5", "B6"},
        "test_some.py::TestClass::test_method": {"B7"},
    }


@pytest.mark.parametrize(("ids", "expected"), [({"S19": "why"}, "S19"), ({}, None)])
def test_a_rule_without_a_test_is_printed_with_its_reason(monkeypatch, ids, expected):
    monkeypatch.setattr(checklist, "NOT_PROVEN", ids)
    monkeypatch.setattr(checklist, "proof", dict)
    written = checklist.page("| [S19](#s19) | A rule. | nowhere yet |\n" + checklist.BEGINS)
    assert ("### S19\nNot proven yet. why\n" in written) is bool(expected)
