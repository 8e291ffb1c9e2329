"""One action of the site, with what goes wrong during it, and what it cost."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine.crash_points import observed
from stateful_oauth.testing.world.faults import CallFails, Meanwhile, WorkerDies, WorkerStalls
from stateful_oauth.testing.world.gateway import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stateful_oauth.testing.world.faults import Fault
    from stateful_oauth.testing.world.site import Site


class Died(BaseException):
    """The process is gone: no `except Exception` sees it."""


class Action:
    """Something that the site does.

    Args:
        what: Its name in the table of limits, for example `callback`.
        does: Does it.
        faults: What goes wrong.
        meanwhile: Does what a `Meanwhile` names.

    Attributes:
        again: Does it once more.
        places: The crash points that were passed, in order: point and step.
        died: Where the process ended, or None.
        statements: How many SQL statements it took.
        happened: What went wrong, beside calls.
        interrupted: Whether something else happened meanwhile.
    """

    def __init__(
        self,
        what: str,
        does: Callable[[], Any],
        faults: Sequence[Fault],
        site: Site,
        meanwhile: Callable[[Action, str], None],
    ) -> None:
        self.what, self.again, self.faults, self._site = what, does, list(faults), site
        self._meanwhile = meanwhile
        self.places: list[tuple[str, str]] = []
        self.plan = Plan.of(faults)
        self.died: tuple[str, str] | None = None
        self.statements = 0
        self.happened: list[str] = []
        self.interrupted = self._is_aside = False

    def run(self) -> Any:
        """Do it; return its result, or None when the process died."""
        before, self._site.gateway.plan = self._site.gateway.plan, self.plan
        statements = self._site.statements
        try:
            with observed(self._reached):
                return self.again()
        except Died:
            return None
        finally:
            self.statements += self._site.statements - statements
            self._site.gateway.plan = before

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Do something that is not part of it."""
        statements, plan = self._site.statements, self._site.gateway.plan
        try:
            self._is_aside = True
            yield
        finally:
            self._is_aside = False
            self.statements -= self._site.statements - statements
            self._site.gateway.plan = plan

    def _reached(self, point: str, step: str) -> None:
        if self._is_aside:
            return
        nth = sum(passed == point for passed, _ in self.places)
        self.places.append((point, step))
        for fault in list(self.faults):
            if isinstance(fault, CallFails) or (fault.point, fault.nth) != (point, nth):
                continue
            self.faults.remove(fault)
            match fault:
                case WorkerDies():
                    self.happened.append(f"worker dies: {point}")
                    self.died = (point, step)
                    raise Died
                case WorkerStalls(seconds=seconds):
                    self.happened.append(f"worker stands still: {point}")
                    self._site.clock.advance(seconds)
                case Meanwhile(what=what):
                    self.happened.append(f"meanwhile: {what}")
                    self.interrupted = True
                    with self.aside():
                        self._meanwhile(self, what)
