"""Check the first lines of a commit message: git's hook `commit-msg` calls this with a file."""

from __future__ import annotations

import re
import sys
from pathlib import Path

LONGEST = 72  # characters: what `git log --oneline` shows without wrapping
WRITTEN_BY_GIT = re.compile(r"(Merge|Revert|fixup!|squash!|amend!) ")


def complaints(message: str) -> list[str]:
    """Return what is wrong with a message, in words."""
    lines = [line for line in message.splitlines() if not line.startswith("#")]
    subject, rest = (lines[0], lines[1:]) if lines else ("", [])
    if WRITTEN_BY_GIT.match(subject):
        return []
    found = []
    if not subject.strip():
        found.append("The first line must say what the commit changes.")
    if len(subject) > LONGEST:
        found.append(f"The first line has {len(subject)} characters; {LONGEST} are the most.")
    if subject.endswith("."):
        found.append("The first line is a title: it has no full stop.")
    if subject[:1].islower():
        found.append("The first line begins with a capital letter.")
    if rest and rest[0].strip():
        found.append("The second line must be empty.")
    return found


def main() -> int:
    """Print the complaints; return the exit status."""
    found = complaints(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for each in found:
        print(each, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
