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
        "working": ("pushing_request", "exchanging_code", "resolving_account", "finding_candidates"),
        "final": ("signed_in", "link_pending", "cancelled", "mismatched", "failed", "expired", "abandoned"),
    },
    "connect_account": {
        "waiting": ("created", "awaiting_callback"),
        "working": ("requesting_connection", "completing_connection", "identifying_account"),
        "final": ("connected", "cancelled", "mismatched", "failed", "expired", "abandoned"),
    },
    "account_linking": {
        "waiting": ("created", "awaiting_confirmation", "awaiting_callback", "wrong_account"),
        "working": (
            "pushing_request",
            "verifying_primary",
            "reading_profiles",
            "linking",
            "merging_metadata",
            "resolving_primary",
            "keeping_apart",
        ),
        "final": ("linked", "kept_apart", "mismatched", "failed", "expired", "abandoned"),
    },
    "disconnect_account": {
        "waiting": ("created",),
        "working": ("disconnecting",),
        "final": ("disconnected", "failed", "abandoned"),
    },
    "unlink_account": {
        "waiting": ("created",),
        "working": ("unlinking",),
        "final": ("unlinked", "failed", "abandoned"),
    },
    "step_up": {
        "waiting": ("created", "awaiting_callback"),
        "working": ("pushing_request", "exchanging_code"),
        "final": ("stepped_up", "cancelled", "mismatched", "failed", "expired", "abandoned"),
    },
    "end_grant": {
        "waiting": ("created",),
        "working": ("revoking",),
        "final": ("ended", "failed", "abandoned"),
    },
}
