"""How many effects may be in flight at once, and what happens when those before keep failing.

A *bulkhead* per tenant bounds the calls that wait for a slow service; a *circuit breaker* per tenant and
effect stops calls to one that fails. Both are asked before a transaction is claimed, so that what they hold
back is where it was: the browser brings its event again. No library is used: those that there are (pybreaker,
circuitbreaker) refuse within the call, when the row is claimed and its single-use code counts as spent.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.engine.errors import AnswerLost, FlowError, Overloaded, ServiceUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from types import TracebackType

    from stateful_oauth.flows.engine.effects import Effect
    from stateful_oauth.flows.engine.ports import Clock

_LONGEST_PAUSE: Final = 60.0  # seconds between two probes of a service that stays away
_SHORTEST_RETRY: Final = 2.0  # seconds until an event that found no room is brought again
_LONGEST_RETRY: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """What a circuit breaker says of an effect.

    Attributes:
        failures: How many calls have failed in a row.
        until: When the next call is let through as a probe; None when calls are let through again.
    """

    tenant: str
    effect: str
    failures: int
    until: datetime | None


def _keep_quiet(suspension: Suspension) -> None:
    """Tell nothing: no observer is there."""


class Slot:
    """Room for one operation's effects. Released when the `with` block ends, unless it was handed over."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release
        self._lock = threading.Lock()
        self._is_handed_over = False

    def hand_over(self) -> None:
        """Leave it to another thread to release this."""
        self._is_handed_over = True

    def release(self) -> None:
        """Make room. Once is enough."""
        with self._lock:
            release, self._release = self._release, None
        if release is not None:
            release()

    def __enter__(self) -> Slot:
        """Enclose the operation."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release it, unless another thread does."""
        if not self._is_handed_over:
            self.release()


def no_slot() -> Slot:
    """Return what an operation without effects has."""
    return Slot(_nothing)


def _nothing() -> None:
    """Release nothing."""


class Admission:
    """The bulkhead and the circuit breakers of this process. One instance serves all threads.

    Args:
        at_once: Effects in flight per tenant; 0 for any number.
        failures: Calls that fail in a row before the next ones are held back; 0 for never.
        pause: Seconds until one call is let through as a probe. It doubles with each probe that fails.
        tell: Is called when a circuit breaker opens, stays open after a probe, or closes.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        at_once: int = 0,
        failures: int = 0,
        pause: float = 10.0,
        tell: Callable[[Suspension], None] = _keep_quiet,
    ) -> None:
        self._clock, self._at_once, self._limit, self._pause = clock, at_once, failures, pause
        self._tell, self._lock = tell, threading.Lock()
        self._in_flight: Counter[str] = Counter()
        self._turned_away: Counter[str] = Counter()  # since there was room the last time
        self._failed: Counter[tuple[str, str]] = Counter()
        self._suspended: dict[tuple[str, str], datetime] = {}

    def enter(self, tenant: str, effect: Effect | None) -> Slot:
        """Take room for an operation that begins with this effect.

        Raises:
            Overloaded: `busy` when as many are in flight as may be, `service_failing` when the calls before
                have failed. Nothing was taken.
        """
        if effect is None or effect.is_local:
            return no_slot()
        with self._lock:
            if self._at_once and self._in_flight[tenant] >= self._at_once:
                self._turned_away[tenant] += 1
                rounds = self._turned_away[tenant] / self._at_once
                raise Overloaded("busy", min(_SHORTEST_RETRY + rounds, _LONGEST_RETRY))
            self._check(tenant, effect.name, probes=True)
            self._in_flight[tenant] += 1
            self._turned_away[tenant] = 0
        return Slot(lambda: self._leave(tenant))

    def check(self, tenant: str, effects: Iterable[Effect]) -> None:
        """Refuse a start that could only come to an effect whose calls fail.

        Raises:
            Overloaded: `service_failing`.
        """
        with self._lock:
            for effect in effects:
                self._check(tenant, effect.name, probes=False)

    def note(self, tenant: str, effect: Effect, error: FlowError | None) -> None:
        """Note what came of an effect: an answer, even a refusal, closes its circuit breaker."""
        key, has_failed = (tenant, effect.name), isinstance(error, AnswerLost | ServiceUnreachable)
        if not self._limit or (not has_failed and not self._failed[key]):
            return
        with self._lock:
            was_suspended = key in self._suspended
            self._failed[key] = failures = self._failed[key] + 1 if has_failed else 0
            if failures >= self._limit:
                pause = min(self._pause * 2 ** (failures - self._limit), _LONGEST_PAUSE)
                self._suspended[key] = self._clock.now() + timedelta(seconds=pause)
            elif not has_failed:
                self._suspended.pop(key, None)
            until = self._suspended.get(key)
        if until is not None or was_suspended:
            self._tell(Suspension(tenant=tenant, effect=effect.name, failures=failures, until=until))

    def _check(self, tenant: str, effect: str, *, probes: bool) -> None:
        until = self._suspended.get((tenant, effect))
        if until is None:
            return
        now = self._clock.now()
        left = (until - now).total_seconds()
        if left > 0:
            raise Overloaded("service_failing", min(max(left, 1.0), _LONGEST_RETRY))
        if probes:
            # One at a time: the others wait until this one is answered, or has had its time.
            self._suspended[tenant, effect] = now + timedelta(seconds=self._pause)

    def _leave(self, tenant: str) -> None:
        with self._lock:
            self._in_flight[tenant] -= 1
