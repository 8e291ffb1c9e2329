"""Durations, and moments relative to now, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from django.utils.safestring import SafeString

_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def shown(passed: timedelta) -> str:
    """Return `350 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`: two units at most."""
    seconds = passed.total_seconds()
    if seconds < 0:
        return f"−{shown(-passed)}"  # noqa: RUF001 - a minus sign
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    rest, parts = int(seconds), []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def moment(when: datetime, now: datetime) -> SafeString:
    """Return a moment relative to now, `3 min 20 s ago` or `in 4 min`, with the exact time as its title."""
    text = _("in %(span)s") if when > now else _("%(span)s ago")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        when.isoformat(),
        exact(when),
        text % {"span": shown(abs(when - now))},
    )


def exact(when: datetime) -> str:
    """Return a moment to the second, in the current time zone."""
    return f"{timezone.localtime(when):%Y-%m-%d %H:%M:%S %Z}"
