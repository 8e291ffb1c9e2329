"""Purging: how old is old, and a run over what is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from stateful_oauth.django import wiring
from stateful_oauth.django.attempts.counting import count_hours
from stateful_oauth.django.conf import conf
from stateful_oauth.django.sessions.session_stores import living_keys
from stateful_oauth.storage.attempt_figures import HOUR, hour_of
from stateful_oauth.storage.availability import database_answers
from stateful_oauth.storage.backchannel_logouts import purge_logouts
from stateful_oauth.storage.purging import BATCH, Purge
from stateful_oauth.storage.sessions import purge_sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_AGE: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_FIRST: Final = datetime.fromtimestamp(0, UTC)  # the ids of transactions count from here: none is older
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    """Return an age that is written like `30d`: a number and one of s, m, h, d, w.

    Raises:
        ValueError: It is not written like that.
    """
    found = _AGE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an age. Write a number and s, m, h, d, or w, for example 30d.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


@database_answers()
def purge(
    older_than: timedelta,
    *,
    kind: str | None = None,
    tenant: str | None = None,
    states: Sequence[str] = (),
    limit: int | None = None,
    batch: int = BATCH,
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Delete finished transactions that are older than that, with their logs; return how many.

    The registry of sessions loses the rows of sessions that are over, whatever the arguments. Logout tokens
    from before that moment are forgotten, too, unless an attempt may still come back with their session.

    Args:
        limit: How many at most.
        progress: Is called after each batch with the number of rows so far.

    Raises:
        StoreUnavailable: The database does not answer.
        RuntimeError: There is a surrounding database transaction.
    """
    before = _FIRST + max(timedelta(0), wiring.clock.now() - _FIRST - older_than)
    chosen = Purge(before=before, kind=kind, tenant=tenant, states=tuple(states))
    if dry_run:
        total = chosen.count()
        return total if limit is None else min(total, limit)
    purge_sessions(now=wiring.clock.now(), living=living_keys)
    count_hours(before=hour_of(before) + HOUR, are_final=True)  # the numbers outlive the rows
    under_way = timedelta(seconds=conf.attempt_lifetime + conf.duplicate_grace)
    purge_logouts(before=min(before, wiring.clock.now() - under_way))
    deleted = 0
    for number in chosen.run(limit=limit, batch=batch):
        deleted += number
        if progress is not None:
            progress(deleted)
    return deleted
