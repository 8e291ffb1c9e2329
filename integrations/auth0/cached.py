"""A document of the provider that is fetched once for all threads, and believed for a while."""

from __future__ import annotations

import os
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar
from weakref import WeakSet

from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.oauth.errors import ProviderUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

T = TypeVar("T")

# Forced fetches within an interval: keys are rotated twice in a row at most, and forged ids are many.
_MOST_REASONS: Final = 4


@dataclass(frozen=True, slots=True)
class Copy(Generic[T]):
    """A fetched document.

    Attributes:
        fetched_at: Seconds since 1970.
        lifetime: Seconds for which it is believed.
    """

    value: T
    fetched_at: float
    lifetime: float


class Cached(Generic[T]):
    """Fetches when it has to.

    An instance serves all threads; while one fetches, the others wait or use the old copy.

    Args:
        fetch: Takes the seconds that it may use; raises `FlowError`.
        now: The time.
        lifetime: Seconds for which a copy is believed, or a function that says it of a fetched document.
        stale_for: Seconds after that, for which it still serves while it cannot be renewed.
        interval: Least seconds between two attempts to renew a stale copy, and between two forced ones that
            succeed for the same reason. A forced one that failed may be tried again at once.
    """

    def __init__(
        self,
        fetch: Callable[[float], T],
        *,
        now: Callable[[], datetime],
        lifetime: float | Callable[[T], float],
        interval: float,
        stale_for: float = 0,
    ) -> None:
        self._fetch, self._now = fetch, now
        self._lifetime = lifetime if callable(lifetime) else lambda _: lifetime
        self._stale_for, self._interval = stale_for, interval
        self._copy: Copy[T] | None = None
        self._lock = Lock()
        self._attempts = 0
        self._failure: FlowError | None = None  # of the last attempt
        self._failed_at = float("-inf")
        self._forced: dict[str, float] = {}  # when a forced fetch succeeded, by its reason
        self._is_wanted = False  # whether a forced fetch failed, and none has succeeded since
        _INSTANCES.add(self)

    def peek(self) -> T | None:
        """Return what was fetched last, however old, or None. It fetches nothing and waits for nothing."""
        copy = self._copy
        return None if copy is None else copy.value

    def get(self, time_limit: float) -> Copy[T]:
        """Return a copy that may be believed.

        Args:
            time_limit: Seconds, for waiting and fetching.

        Raises:
            FlowError: There is none, and fetching failed.
        """
        # The count is read first: an attempt that ends in between is then seen as one that ended meanwhile.
        seen, copy, now = self._attempts, self._copy, self._seconds()
        # A clock that was set back must not make a copy live longer.
        age = -1.0 if copy is None else now - copy.fetched_at
        if copy is not None and 0 <= age < copy.lifetime:
            return copy
        stale = copy if copy is not None and 0 <= age < copy.lifetime + self._stale_for else None
        if stale is not None and 0 <= now - self._failed_at < self._interval:
            return stale
        lock = self._lock  # the one to release, whatever a fork does in between
        if not lock.acquire(timeout=0 if stale is not None else max(time_limit, 0)):
            if stale is not None:
                return stale
            raise ProviderUnreachable("Another thread is still asking for the same document.")
        try:
            if self._attempts == seen:
                self._attempt(time_limit)
        except FlowError:
            if stale is None:
                raise
            return stale
        finally:
            lock.release()
        # Either this thread fetched it, or the one that it waited for did.
        if self._copy is not None and self._copy is not copy:
            return self._copy
        if stale is not None:
            return stale
        raise (self._failure or ProviderUnreachable()).with_traceback(None)

    def renewed(self, seen: Copy[T], time_limit: float, *, reason: str = "") -> Copy[T] | None:
        """Return a newer copy than `seen`, or None: it was fetched for this reason a moment ago.

        Args:
            reason: What the copy lacks. For several reasons at once it is fetched several times, up to a cap.

        Raises:
            FlowError: Fetching failed, or was done for too many reasons already.
        """
        attempts, lock = self._attempts, self._lock
        if not lock.acquire(timeout=max(time_limit, 0)):
            raise ProviderUnreachable("Another thread is still asking for the same document.")
        try:
            if self._copy is not None and self._copy is not seen:
                return self._copy
            if self._attempts != attempts and self._failure is not None:
                raise self._failure.with_traceback(None)  # of the thread that this one waited for
            now = self._seconds()
            self._forced = {each: at for each, at in self._forced.items() if 0 <= now - at < self._interval}
            if reason in self._forced and not self._is_wanted:
                return None
            if len(self._forced) >= _MOST_REASONS and not self._is_wanted:
                raise ProviderUnreachable("The document was fetched too often for different reasons.")
            self._is_wanted = True
            copy = self._attempt(time_limit)
            self._forced[reason] = copy.fetched_at
            return copy
        finally:
            lock.release()

    def wanted(self, time_limit: float) -> Copy[T]:
        """Return a copy that may be believed, fetched anew where the last forced fetch failed.

        Raises:
            FlowError: There is none, or what was missing in it cannot be had.
        """
        copy = self.get(time_limit)
        if not self._is_wanted:
            return copy
        return self.renewed(copy, time_limit) or copy

    def forget_other_threads(self) -> None:
        """Stop waiting for threads that this process, which was just forked, does not have."""
        self._lock = Lock()
        self._forced = {}  # what was asked for there does not come here

    def _attempt(self, time_limit: float) -> Copy[T]:
        try:
            value = self._fetch(time_limit)
            self._copy = Copy(value, self._seconds(), self._lifetime(value))
            self._is_wanted = False
        except FlowError as error:
            self._failure, self._failed_at = error, self._seconds()
            raise
        finally:
            self._attempts += 1
        return self._copy

    def _seconds(self) -> float:
        return self._now().timestamp()


_INSTANCES: Final[WeakSet[Cached[Any]]] = WeakSet()


def _after_fork() -> None:
    for cached in _INSTANCES:
        cached.forget_other_threads()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_after_fork)
