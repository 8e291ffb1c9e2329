"""Every place that the steps of connecting and linking accounts pass.

With the state that a crash there leaves the row in, and the one that recovery brings it to.
"""

from __future__ import annotations

from typing import TypeAlias

Place: TypeAlias = tuple[str, str]

REFRESH = ["refresh.claimed", "refresh.answered", "refresh.settled"]
CONNECT: dict[Place, tuple[str | None, str | None]] = {
    ("start.before_commit", "start"): (None, None),
    ("start.after_commit", "start"): ("requesting_connection", "awaiting_callback"),
    ("effect.before", "request_connection"): ("requesting_connection", "awaiting_callback"),
    **{(place, "refresh"): ("requesting_connection", "awaiting_callback") for place in REFRESH},
    ("effect.after", "request_connection"): ("requesting_connection", "awaiting_callback"),
    ("settle.before_commit", "connection_requested"): ("requesting_connection", "awaiting_callback"),
    ("settle.after_commit", "connection_requested"): ("awaiting_callback", "awaiting_callback"),
}
CONNECTED: dict[Place, tuple[str, str]] = {
    ("claim.before_commit", "callback"): ("awaiting_callback", "awaiting_callback"),
    ("claim.after_commit", "callback"): ("completing_connection", "connected"),
    ("effect.before", "complete_connection"): ("completing_connection", "connected"),
    ("effect.after", "complete_connection"): ("completing_connection", "connected"),
    ("settle.before_commit", "connection_completed"): ("completing_connection", "connected"),
    ("settle.after_commit", "connection_completed"): ("identifying_account", "connected"),
    ("effect.before", "identify_account"): ("identifying_account", "connected"),
    ("effect.after", "identify_account"): ("identifying_account", "connected"),
    ("settle.before_commit", "account_identified"): ("identifying_account", "connected"),
    ("settle.after_commit", "account_identified"): ("connected", "connected"),
}
DISCONNECT: dict[Place, tuple[str | None, str | None]] = {
    ("start.before_commit", "start"): (None, None),
    ("start.after_commit", "start"): ("disconnecting", "disconnected"),
    ("effect.before", "disconnect"): ("disconnecting", "disconnected"),
    **{(place, "refresh"): ("disconnecting", "disconnected") for place in REFRESH},
    ("effect.after", "disconnect"): ("disconnecting", "disconnected"),
    ("settle.before_commit", "account_disconnected"): ("disconnecting", "disconnected"),
    ("settle.after_commit", "account_disconnected"): ("disconnected", "disconnected"),
}
UNLINK: dict[Place, tuple[str | None, str | None]] = {
    ("start.before_commit", "start"): (None, None),
    ("start.after_commit", "start"): ("unlinking", "unlinked"),
    ("effect.before", "unlink"): ("unlinking", "unlinked"),
    ("effect.after", "unlink"): ("unlinking", "unlinked"),
    ("settle.before_commit", "account_unlinked"): ("unlinking", "unlinked"),
    ("settle.after_commit", "account_unlinked"): ("unlinked", "unlinked"),
}
# From the moment that the accounts are read, with a proof or without.
LINK: dict[Place, tuple[str, str]] = {
    ("effect.before", "read_profiles"): ("reading_profiles", "linked"),
    ("effect.after", "read_profiles"): ("reading_profiles", "linked"),
    ("settle.before_commit", "profiles_read"): ("reading_profiles", "linked"),
    ("settle.after_commit", "profiles_read"): ("linking", "linked"),
    ("effect.before", "link_accounts"): ("linking", "linked"),
    ("effect.after", "link_accounts"): ("linking", "linked"),
    ("settle.before_commit", "accounts_linked"): ("linking", "linked"),
    ("settle.after_commit", "accounts_linked"): ("merging_metadata", "linked"),
    ("effect.before", "merge_metadata"): ("merging_metadata", "linked"),
    ("effect.after", "merge_metadata"): ("merging_metadata", "linked"),
    ("settle.before_commit", "metadata_merged"): ("merging_metadata", "linked"),
    ("settle.after_commit", "metadata_merged"): ("linked", "linked"),
}
# A sign-in that is linked without asking: until it hands over it is the sign-in's row that is looked at.
AUTOMATIC: dict[Place, tuple[str, str]] = {
    ("claim.before_commit", "callback"): ("awaiting_callback", "awaiting_callback"),
    ("claim.after_commit", "callback"): ("exchanging_code", "failed"),
    ("effect.before", "exchange_code"): ("exchanging_code", "failed"),
    ("effect.after", "exchange_code"): ("exchanging_code", "failed"),
    ("settle.before_commit", "code_exchanged"): ("exchanging_code", "failed"),
    ("settle.after_commit", "code_exchanged"): ("finding_candidates", "linked"),
    ("effect.before", "find_candidates"): ("finding_candidates", "linked"),
    ("effect.after", "find_candidates"): ("finding_candidates", "linked"),
    ("settle.before_commit", "pending_link"): ("finding_candidates", "linked"),
    ("settle.after_commit", "pending_link"): ("reading_profiles", "linked"),
    **LINK,
}
PROVED: dict[Place, tuple[str, str]] = {
    ("claim.before_commit", "callback"): ("awaiting_callback", "awaiting_callback"),
    # A code that may be spent is not sent again: the user is asked once more.
    ("claim.after_commit", "callback"): ("verifying_primary", "awaiting_confirmation"),
    ("effect.before", "verify_primary"): ("verifying_primary", "awaiting_confirmation"),
    ("effect.after", "verify_primary"): ("verifying_primary", "awaiting_confirmation"),
    ("settle.before_commit", "primary_verified"): ("verifying_primary", "awaiting_confirmation"),
    ("settle.after_commit", "primary_verified"): ("reading_profiles", "linked"),
    **LINK,
}
CONFIRM: dict[Place, tuple[str, str]] = {
    ("claim.before_commit", "confirm"): ("awaiting_confirmation", "awaiting_confirmation"),
    ("claim.after_commit", "confirm"): ("awaiting_callback", "awaiting_callback"),
}
KEEP_APART: dict[Place, tuple[str, str]] = {
    ("settle.before_commit", "cancel"): ("awaiting_confirmation", "awaiting_confirmation"),
    ("settle.after_commit", "cancel"): ("kept_apart", "kept_apart"),
}
