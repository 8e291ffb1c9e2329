"""Packages, templates and pages use one word for one thing, and say who it is (CONTRIBUTING.md, "Words")."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("flows", "storage", "integrations", "diagrams")
SUFFIXES = {".py", ".html", ".md", ".css"}
# Names of tests stand in it, and the suite renames those.
GENERATED = {"docs/mutants.md", "docs/security-checklist.md"}

# Each word with what to say instead.
WORDS = {
    r"somebody|someone|nobody|no[ _]?one|anybody|anyone|everybody": "the user, another browser",
    r"whoever|whom|whichever": "the user who, the caller, any",
    r"strangers?": "another user, another browser, an attacker",
    r"e-mails?": "email",
    r"furnish(?:ing|es|ed)?|troubles|patients?|insists?|births?": "seed data, faults, what a flag does",
}
# Values of rows that exist, words of a specification, and words of others that are quoted.
ALLOWED = {
    ("flows/account_linking/policy.py", "e-mail"),
}


def texts() -> list[Path]:
    found = [path for folder in (*PACKAGES, "docs") for path in (ROOT / folder).rglob("*")]
    found += ROOT.glob("*.md")
    return sorted(
        path
        for path in found
        if path.suffix in SUFFIXES and path.relative_to(ROOT).as_posix() not in GENERATED
    )


@pytest.mark.parametrize("word", WORDS)
def test_words_that_say_too_little_are_used_nowhere(word):
    # An underscore separates words, too: names are read as prose is.
    pattern = re.compile(rf"(?<![A-Za-z])(?:{word})(?![A-Za-z])", re.IGNORECASE)
    found = [
        f"{name}:{number}: {match[0]}"
        for path in texts()
        for name in [path.relative_to(ROOT).as_posix()]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in pattern.finditer(line)
        if (name, match[0].lower()) not in ALLOWED
    ]
    assert not found, f"Say {WORDS[word]}: {found}"
