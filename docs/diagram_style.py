# ruff: noqa: INP001 - a script beside the documents, not a package
"""Write the style sheet of the admin's diagrams from the renderer's own; with --check, compare only.

It is a file because a policy that allows no inline styles (Content-Security-Policy) must do for the admin.
"""

from __future__ import annotations

import sys
from pathlib import Path

from stateful_oauth.diagrams import page_stylesheet

SHEET = Path(__file__).parent.parent / "integrations/django/static/stateful_oauth/flow-diagram.css"

HEAD = "/* Written by `make docs` from diagrams/style.py. */\n"


def main() -> int:
    """Write or compare; return the exit status."""
    text = HEAD + page_stylesheet()
    if "--check" not in sys.argv[1:]:
        SHEET.write_text(text, encoding="utf-8")
        return 0
    if SHEET.exists() and SHEET.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write("flow-diagram.css is not the renderer's own: run `make docs` and commit it.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
