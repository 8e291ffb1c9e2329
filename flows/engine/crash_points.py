"""Named points where a test may stop the process: before and after each commit and each effect.

In production `reached` compares one global with None.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CRASH_POINTS: Final = (
    "start.before_commit",
    "start.after_commit",
    "claim.before_commit",
    "claim.after_commit",
    "effect.before",
    "effect.after",
    "settle.before_commit",
    "settle.after_commit",
    "refresh.claimed",
    "refresh.answered",
    "refresh.settled",
)

_observer: Callable[[str, str], None] | None = None


def reached(point: str, step: str) -> None:
    """Tell the observer, when a test installed one.

    Args:
        point: One of `CRASH_POINTS`.
        step: The event or effect that is being worked on, for example `exchange_code`.
    """
    if _observer is not None:
        _observer(point, step)


@contextmanager
def observed(observer: Callable[[str, str], None]) -> Iterator[None]:
    """Install `observer(point, step)` for the duration; it may raise to simulate the end of the process.

    One inside another is asked first.
    """
    global _observer  # noqa: PLW0603 - one switch for the whole process is the point
    previous = _observer

    def both(point: str, step: str) -> None:
        observer(point, step)
        if previous is not None:
            previous(point, step)

    _observer = both
    try:
        yield
    finally:
        _observer = previous
