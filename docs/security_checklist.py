# ruff: noqa: INP001 - a script beside the documents, not a package
"""Write which tests prove which rule of docs/security-checklist.md; with --check, compare only.

The rules stand in the page, by hand. The proof is read from the tests' markers without importing them:
`@pytest.mark.security("S5", "L11")` on a function, a class, a parameter set, or a module's `pytestmark`.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Final

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).with_name("security-checklist.md")
MARKER = "pytest.mark.security"
BEGINS = "<!-- What follows is written by `make docs` from the markers of the tests. -->\n"

# Rules that no test proves, and why. A rule that has a test must not stand here.
NOT_PROVEN: Final[dict[str, str]] = {}

# Rules whose tests show less than the rule says.
PROVEN_IN_PART: Final = {
    "S2": "The exchange is tried against our own emulator only, and against no provider written elsewhere.",
    "L14": "The first account cannot be unlinked. Disconnecting does not ask for a fresh sign-in.",
    "L17": "Claims grant nothing at all: there is no mapping from claims to privileges that could be tested.",
}


def rules(page: str) -> list[str]:
    """Return the ids of the rules that the page's tables have, in their order."""
    return re.findall(r"^\| \[([STLB]\d{1,2})\]\(#[stlb]\d{1,2}\) \|", page, re.MULTILINE)


def ids_of(node: ast.AST) -> set[str]:
    """Return the ids that security markers anywhere inside `node` name."""
    return {
        argument.value
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == MARKER
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(
        ast.unparse(target) == "pytestmark" for target in node.targets
    )


def tests_of(source: Path) -> dict[str, set[str]]:
    """Return what a test file proves: ids by the test's node id, which pytest takes on the command line."""
    found: dict[str, set[str]] = {}

    def note(name: str, ids: set[str]) -> None:
        if ids:
            found.setdefault(name, set()).update(ids)

    def collect(nodes: list[ast.stmt], name: str) -> None:
        for node in nodes:
            if _is_pytestmark(node):
                note(name, ids_of(node))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                note(f"{name}::{node.name}", set().union(*map(ids_of, node.decorator_list)))
                if isinstance(node, ast.ClassDef):
                    collect(node.body, f"{name}::{node.name}")

    collect(ast.parse(source.read_text(encoding="utf-8")).body, source.relative_to(ROOT).as_posix())
    return found


def proof() -> dict[str, list[str]]:
    """Return the node ids of the tests that prove each id."""
    tests: dict[str, list[str]] = {}
    for source in sorted((ROOT / "tests").rglob("test_*.py")):
        for test, ids in tests_of(source).items():
            for each in ids:
                tests.setdefault(each, []).append(test)
    return tests


def page(text: str) -> str:
    """Return the page with today's proof behind its hand-written part."""
    tests, lines = proof(), [text.partition(BEGINS)[0] + BEGINS]
    for each in rules(text):
        lines.append(f"\n### {each}\n")
        if each in NOT_PROVEN:
            lines.append(f"Not proven yet. {NOT_PROVEN[each]}\n")
        if each in PROVEN_IN_PART:
            lines.append(f"Proven in part. {PROVEN_IN_PART[each]}\n")
        lines += [f"- `{test}`\n" for test in tests.get(each, [])]
    return "".join(lines)


def main() -> int:
    """Write or compare; return the exit status."""
    before = PAGE.read_text(encoding="utf-8")
    after = page(before)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(after, encoding="utf-8")
        return 0
    if before == after:
        return 0
    sys.stderr.write(
        "docs/security-checklist.md does not have today's tests: run `make docs` and commit it.\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
