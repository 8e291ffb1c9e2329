"""The texts of the page for a browser that waits, and when the page reloads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext

from stateful_oauth.django import wiring
from stateful_oauth.django.declarations import texts_of

if TYPE_CHECKING:
    from datetime import datetime

    from stateful_oauth.storage.models import FlowTransaction

# With one of these codes, the effect was tried and is due again later.
_DELAYS: Final = frozenset(
    {
        "rate_limited",
        "provider_answer_lost",
        "provider_answer_invalid",
        "provider_busy",
        "provider_error",
        "provider_unreachable",
    }
)

# Seconds.
_SOON: Final = 1
_SLOW: Final = 3  # between reloads, when a step takes longer than usual
_SLOW_AFTER: Final = 10
_LONGEST: Final = 15  # at most between reloads of a delayed step: a sweep may finish it earlier
_STUCK: Final = 60  # between reloads of a stuck transaction


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a transaction, for the user who started it.

    Attributes:
        heading: What is being done, in a few words.
        is_delayed: Whether it takes longer than usual: the provider asked to try again later, or a
            response was lost and the call is repeated.
        is_stuck: Whether it waits for an operator.
        look_again: Seconds until the page reloads.
        reference: The transaction's id, which the user gives to the support team.
    """

    heading: str
    is_delayed: bool
    is_stuck: bool
    look_again: int
    reference: str


def progress_of(row: FlowTransaction) -> Progress:
    """Return the progress of a row in a working state."""
    now, heading = wiring.clock.now(), gettext(texts_of(row.kind).progress)
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
    """Reload when the row is due, because the reload continues it; at most `_LONGEST` seconds apart."""
    seconds = math.ceil((due - now).total_seconds()) if due is not None else 0
    return max(_SOON, min(seconds, _LONGEST))


def _as_long_as(since: datetime, now: datetime) -> int:
    return _SOON if (now - since).total_seconds() < _SLOW_AFTER else _SLOW
