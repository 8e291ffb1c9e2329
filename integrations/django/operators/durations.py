"""How long something took, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import timedelta

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
