"""Fault plans for tests: which call to the provider fails, where the worker dies, what happens meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from stateful_oauth.flows.engine.crash_points import observed
from stateful_oauth.testing.world.action import Died
from stateful_oauth.testing.world.faults import FAILURES, CallFails
from stateful_oauth.testing.world.gateway import Gateway, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class FaultPlan:
    """What goes wrong next. One plan at a time; a new one replaces it.

    Args:
        gateway: The site's way to the tenant.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def call_fails(self, how: str, *, to: str = "", call: int = 0) -> None:
        """Have one of the next calls fail.

        Args:
            how: One of `FAILURES`: `answer lost`, `429`, `503`, …
            to: Only calls whose path has this in it are counted.
            call: Zero-based number of the call among those.

        Raises:
            ValueError: There is no such failure.
        """
        if how not in FAILURES:
            raise ValueError(f"Calls do not fail like {how!r}; choose one of: {', '.join(FAILURES)}.")
        self._gateway.plan = Plan([CallFails(call, how, to)])

    @property
    def calls(self) -> list[tuple[str, str]]:
        """Method and path of each call since the plan was made."""
        return list(self._gateway.plan.calls)

    def nothing_fails(self) -> None:
        """Forget the plan."""
        self._gateway.plan = Plan()

    @contextmanager
    def worker_dies(self, point: str, *, nth: int = 0) -> Iterator[None]:
        """End the process at a crash point; what is in the block ends there.

        Args:
            point: One of `stateful_oauth.flows.engine.crash_points.CRASH_POINTS`.
            nth: Zero-based occurrence of this crash point.

        Raises:
            AssertionError: It was not reached, so nothing was tested.
        """

        def die() -> None:
            raise Died

        with self._at(point, nth, die):
            try:
                yield
            except Died:
                return

    @contextmanager
    def meanwhile(self, point: str, does: Callable[[], object], *, nth: int = 0) -> Iterator[None]:
        """Do something while the process is at a crash point; arguments and errors as for `worker_dies`."""
        with self._at(point, nth, does):
            yield

    @contextmanager
    def _at(self, point: str, nth: int, does: Callable[[], object]) -> Iterator[None]:
        reached: list[str] = []

        def observer(passed: str, step: str) -> None:
            if passed != point:
                return
            reached.append(step)
            if len(reached) == nth + 1:
                does()

        with observed(observer):
            yield
        if len(reached) <= nth:
            raise AssertionError(f"{point} was reached {len(reached)} times, so nothing was tested.")
