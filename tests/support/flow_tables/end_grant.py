"""What every state of ending a grant takes, written by hand."""

from __future__ import annotations

from typing import Any

ALLOWED = {
    "created": {"start": "revoking"},
    "revoking": {"grant_ended": "ended", "retry": "revoking", "fail": "failed", "abandon": "abandoned"},
    "ended": {},
    "failed": {},
    "abandoned": {},
}
WORKING = {"revoking"}
WAITING = {"created"}
BY_BROWSER = set[str]()
BY_OPERATOR = {"abandon"}
KEPT = {"next", "subject", "grant", "transaction"}
CHOSEN: list[tuple[Any, ...]] = []
INPUTS = {"subject": "auth0|1", "grant": "01234567-89ab-7def-8123-456789abcdef"}
PAYLOADS: dict[str, Any] = {}
RESULTS: dict[str, Any] = {}
