"""When a provider that answered 429 takes requests again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_WAIT: Final = timedelta(days=1)  # what is further away is a mistake, not a limit
_LONGEST_DATE: Final = 64  # characters; a date of RFC 9110 §5.6.7 has at most 33


def retry_at(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Return the moment from `x-ratelimit-reset` (Unix seconds) and `retry-after` (RFC 9110 §10.2.3).

    The later one, when both are there; never before `now` (aware) nor more than a day after it; None when
    neither can be read.
    """
    moments = [moment for moment in (_reset(headers), _retry_after(headers, now)) if moment is not None]
    if not moments:
        return None
    return min(max(*moments, now), now + _LONGEST_WAIT)


def _reset(headers: Mapping[str, str]) -> datetime | None:
    seconds = _whole(headers.get("x-ratelimit-reset"))
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _retry_after(headers: Mapping[str, str], now: datetime) -> datetime | None:
    value = headers.get("retry-after")
    seconds = _whole(value)
    if seconds is not None:
        return now + min(timedelta(seconds=seconds), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime((value or "")[:_LONGEST_DATE])
    except (ValueError, OverflowError, TypeError, IndexError):  # whatever the parser makes of it
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _whole(value: str | None) -> int | None:
    # At most eleven digits: later than any year that `datetime` cannot hold is not a limit.
    value = (value or "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 11 else None
