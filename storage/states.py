"""The states that rows of the built-in flows may have, for the database's constraints.

Written out, and not read from the machines: importing those costs every process 50 ms, and a migration must
not change when a machine does. A test holds this table against the machines.
"""

from __future__ import annotations

from typing import Final

STATES: Final[dict[str, tuple[str, ...]]] = {
    "login": (
        "created",
        "pushing_request",
        "awaiting_callback",
        "exchanging_code",
        "resolving_account",
        "signed_in",
        "cancelled",
        "mismatched",
        "failed",
        "expired",
        "abandoned",
    ),
}
