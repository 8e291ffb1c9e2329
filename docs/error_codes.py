# ruff: noqa: INP001 - a script beside the documents, not a package
"""Write docs/error-codes.md from the table in the code; with --check, compare only."""

from __future__ import annotations

import sys
from pathlib import Path

from stateful_oauth.flows.error_codes import ERROR_CODES

PAGE = Path(__file__).with_name("error-codes.md")

HEAD = """\
# Error codes

`make docs` writes this page from `flows/error_codes.py`.

Codes appear in rows, in logs, and on error pages. They are stable: a change to a code is a breaking change.

| Code | Meaning | HTTP status | What the user is told | What the operator does |
| --- | --- | --- | --- | --- |
"""


def page() -> str:
    """Return the document."""
    rows = (
        f'| <a id="{code}"></a>`{code}` | {entry.meaning} | {entry.status} '
        f"| {entry.user} | {entry.operator} |\n"
        for code, entry in ERROR_CODES.items()
    )
    return HEAD + "".join(rows)


def main() -> int:
    """Write or compare; return the exit status."""
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    sys.stderr.write("docs/error-codes.md differs from the code. Run `make docs`, and commit the result.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
