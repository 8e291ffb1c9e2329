"""What comments, docstrings and pages cite is in the repository, or in a public specification."""

from __future__ import annotations

import ast
import importlib.util
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

PACKAGE = ("flows", "storage", "integrations", "diagrams")
SOURCES = sorted(
    path
    for folder in (*PACKAGE, "tests", "docs")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__) and path.name != "test_security_checklist.py"
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CHECKLIST, CONTRACT = ROOT / "docs/security-checklist.md", ROOT / "docs/auth0-contract.md"

RULE = re.compile(r"\b([STLB]\d{1,2})\b")
PAGE = re.compile(r"(?<![\w/.-])((?:[\w.-]+/)*[\w-]+\.md)\b")
SECTION = re.compile(r"§\s?\d")
SPECIFICATION = re.compile(r"RFC \d{3,5}|OpenID Connect|OAuth 2|auth0-contract\.md")
CONTRACT_SECTIONS = re.compile(r"auth0-contract\.md((?:\W{0,5}(?:to |and )?§\s?[\d.]+)+)")
FILE = re.compile(r"`((?:flows|storage|integrations|diagrams|tests|docs)/[\w./-]+)[^`]*`")
UNPUBLISHED = re.compile(r"[Ww]ire contract|\bchecklist [STLB]\d|[Ss]tate-machine facts")


def _checklist():
    spec = importlib.util.spec_from_file_location("security_checklist", ROOT / "docs/security_checklist.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


checklist = _checklist()
RULES = frozenset(checklist.rules(CHECKLIST.read_text(encoding="utf-8")))
SECTIONS = frozenset(re.findall(r"^#{2,3} ([\d.]+?)\.? ", CONTRACT.read_text(encoding="utf-8"), re.MULTILINE))


def notes(source: str) -> Iterator[str]:
    """Yield the docstrings of a module, and its comments: those of neighbouring lines as one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    block, last = "", -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield block
                block = ""
            block, last = f"{block} {token.string.lstrip('# ')}", token.start[0]
    yield block


def names_of_pages() -> set[str]:
    found = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("*.md")}
    for folder in ("docs", "diagrams", ".github"):
        found |= {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.md")}
    return found | {Path(name).name for name in found}


def wrong_citations(source: str, *, name: str = "") -> list[str]:
    """Return what the comments and docstrings of a source cite and nobody finds."""
    wrong = []
    for note in (" ".join(each.split()) for each in notes(source)):
        wrong += [f"no page {page}" for page in PAGE.findall(note) if page not in names_of_pages()]
        wrong += [f"{match} is not in this repository" for match in UNPUBLISHED.findall(note)]
        wrong += [f"no rule {each}" for each in RULE.findall(note) if each not in RULES]
        if SECTION.search(note) and not SPECIFICATION.search(note):
            wrong.append(f"a section of nothing: {note[:80]}")
        for cited in CONTRACT_SECTIONS.findall(note):
            numbers = re.findall(r"[\d.]*\d", cited)
            wrong += [f"no §{each} in {CONTRACT.name}" for each in numbers if each not in SECTIONS]
        if name.startswith(PACKAGE) and RULE.search(note) and CHECKLIST.name not in source:
            wrong.append(f"a rule without its page, docs/{CHECKLIST.name}: {note[:80]}")
    return wrong


@pytest.mark.parametrize("folder", [*PACKAGE, "tests", "docs"])
def test_what_code_cites_is_there(folder):
    wrong = {}
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(folder + "/") and (
            found := wrong_citations(path.read_text(encoding="utf-8"), name=name)
        ):
            wrong[name] = found
    assert not wrong, wrong


def test_what_pages_cite_is_there():
    wrong = []
    for path in PAGES:
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        wrong += [f"{name}: no rule {each}" for each in RULE.findall(text) if each not in RULES]
        wrong += [f"{name}: {match}" for match in UNPUBLISHED.findall(text)]
        for cited in FILE.findall(text):
            if path.name != "CHANGELOG.md" and not (ROOT / cited).exists():
                wrong.append(f"{name}: no file {cited}")
    assert not wrong, wrong


def test_a_test_that_speaks_of_a_rule_carries_its_marker():
    """The docstring says what happens; the marker says which rule that proves."""
    wrong = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if path.parent == ROOT / "tests/project/docs":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                said = set(RULE.findall(ast.get_docstring(node) or ""))
                marked = set().union(*map(checklist.ids_of, node.decorator_list))
                if said - marked:
                    wrong.append(f"{path.relative_to(ROOT)}::{node.name}: {sorted(said - marked)}")
    assert not wrong, f'Write @pytest.mark.security("S1") and no id in the docstring: {wrong}'


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('"""See docs/security-checklist.md S5, L11."""', 0),
        ('"""See docs/security-checklist.md S99."""', 1),
        ('"""Never twice (S5)."""', 1),
        ('"""Never twice (checklist S5)."""', 2),
        ('"""RFC 6749 §4.1.2 and §5.1; OpenID Connect Core §2."""', 0),
        ('"""See §4.1."""', 1),
        ('"""See docs/auth0-contract.md §4.1, §8.0 to §8.2."""', 0),
        ('"""See docs/auth0-contract.md §4.1, §99."""', 1),
        ("x = 1  # wire contract §4\n", 2),
        ("# docs/no-such-page.md\nx = 1\n", 1),
        ("# docs/auth0-contract.md says it,\n# in §4.3.\nx = 1\n", 0),
    ],
)
def test_a_citation_without_a_target_is_noticed(source, expected):
    found = wrong_citations(source, name="flows/some.py")
    assert len(found) == expected, found
