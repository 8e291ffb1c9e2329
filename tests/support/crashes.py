"""The end of a process, at a named place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from stateful_oauth.flows.engine.crash_points import observed


class Crash(BaseException):
    """The process is gone: no `except Exception` sees it."""


@contextmanager
def crash_at(point: str, step: str) -> Iterator[None]:
    """Crash when the place is reached for the first time, and demand that it was."""
    reached: list[tuple[str, str]] = []

    def observer(*place: str) -> None:
        if place == (point, step) and place not in reached:
            reached.append(place)
            raise Crash(f"{point} of {step}")

    with observed(observer), suppress(Crash):
        yield
    assert reached, f"{point} of {step} was never reached, so nothing was tested."


@contextmanager
def at(point: str, step: str, action: Callable[[], object]) -> Iterator[None]:
    """Let something else happen when the place is reached for the first time."""
    reached: list[tuple[str, str]] = []

    def observer(*place: str) -> None:
        if place == (point, step) and place not in reached:
            reached.append(place)
            action()

    with observed(observer):
        yield
    assert reached, f"{point} of {step} was never reached, so nothing was tested."
