"""What the page of a browser that waits says, and when it looks again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from stateful_oauth.django import wiring

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.functional import Promise
    from stateful_oauth.storage.models import FlowTransaction

_HEADINGS: Final[dict[str, Promise]] = {
    "login": _("Signing you in…"),
    "connect_account": _("Connecting your account…"),
    "account_linking": _("Linking your accounts…"),
    "disconnect_account": _("Disconnecting your account…"),
    "unlink_account": _("Unlinking your accounts…"),
}
_HEADING: Final = _("Working on it…")  # a project's own flow

# With one of these a working state is entered once more: its effect was tried, and is due again later.
_DELAYS: Final = frozenset(
    {"rate_limited", "provider_answer_lost", "provider_answer_invalid", "provider_unreachable"}
)

# Seconds.
_SOON: Final = 1
_SLOW: Final = 3  # between looks at what usually takes a moment, and does not
_SLOW_AFTER: Final = 10
_LONGEST: Final = 15  # between looks at what is known to take longer: somebody may have finished it earlier
_STUCK: Final = 60  # between looks at what waits for a person


@dataclass(frozen=True, slots=True)
class Progress:
    """How a transaction in flight stands, for the visitor who started it.

    Attributes:
        heading: What is being done, in a few words.
        is_delayed: Whether it is known to take longer: the provider asked to come back later, or an answer
            was lost and is asked for again.
        is_stuck: Whether it waits for a person.
        look_again: In how many seconds.
        reference: What to tell whoever helps: the transaction's id.
    """

    heading: str | Promise
    is_delayed: bool
    is_stuck: bool
    look_again: int
    reference: str


def progress_of(row: FlowTransaction) -> Progress:
    """Return what there is to say about a row in a working state."""
    now, heading = wiring.clock.now(), _HEADINGS.get(row.kind, _HEADING)
    if row.stuck_since is not None:
        return Progress(heading, is_delayed=False, is_stuck=True, look_again=_STUCK, reference=str(row.pk))
    is_delayed = row.code in _DELAYS and row.lease_until is not None
    return Progress(
        heading,
        is_delayed=is_delayed,
        is_stuck=False,
        look_again=_until(row.lease_until, now) if is_delayed else _as_long_as(row.changed_at, now),
        reference=str(row.pk),
    )


def _until(due: datetime | None, now: datetime) -> int:
    """Look when it is due, which is when looking brings it on; but not too seldom."""
    seconds = math.ceil((due - now).total_seconds()) if due is not None else 0
    return max(_SOON, min(seconds, _LONGEST))


def _as_long_as(since: datetime, now: datetime) -> int:
    return _SOON if (now - since).total_seconds() < _SLOW_AFTER else _SLOW
