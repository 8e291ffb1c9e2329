# ruff: noqa: INP001 - a script beside the documents, not a package
"""Draw docs/pictures/travelled.svg, the README's picture; with --check, compare only.

It is the path of a sign-in whose first answer was lost. tests/project/docs/test_picture.py makes that
sign-in, and compares its log with the path that stands here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from stateful_oauth.diagrams import edge_id, render_svg
from stateful_oauth.flows.login.machine import LoginFlow

PICTURE: Final = Path(__file__).with_name("pictures") / "travelled.svg"

PATH: Final = (
    ("created", "start", "pushing_request"),
    ("pushing_request", "retry", "pushing_request"),
    ("pushing_request", "request_pushed", "awaiting_callback"),
    ("awaiting_callback", "callback", "exchanging_code"),
    ("exchanging_code", "code_exchanged", "resolving_account"),
    ("resolving_account", "account_resolved", "signed_in"),
)


def picture() -> str:
    """Return the SVG."""
    return render_svg(LoginFlow, travelled=[edge_id("login", *step) for step in PATH], current=PATH[-1][-1])


def main() -> int:
    """Write or compare; return the exit status."""
    if "--check" not in sys.argv[1:]:
        PICTURE.write_text(picture(), encoding="utf-8")
        return 0
    if PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == picture():
        return 0
    sys.stderr.write("docs/pictures/travelled.svg differs from the code: run `make docs`, and commit it.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
