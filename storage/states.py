"""The states that rows of the built-in flows may have, for the database's constraints.

Written out, and not read from the machines: importing those costs every process 50 ms, and a migration must
not change when a machine does. A test holds this table against the machines.
"""

from __future__ import annotations

from typing import Final

# By flow and kind of state.
STATES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "login": {
        "waiting": ("created", "awaiting_callback"),
        "working": ("pushing_request", "exchanging_code", "resolving_account"),
        "final": ("signed_in", "cancelled", "mismatched", "failed", "expired", "abandoned"),
    },
}
