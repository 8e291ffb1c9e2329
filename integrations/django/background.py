"""A bounded pool of threads in which slow effects go on without their request."""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from django.db import connections, router

from stateful_oauth.flows.engine.handing_over import answer_of
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from stateful_oauth.flows.engine.handing_over import Answer

logger = logging.getLogger("stateful_oauth.background")

_SLOW: Final = 1.0  # seconds: after a call that took longer, requests wait for the next one only briefly
_BRIEFLY: Final = 0.25  # seconds: enough for an answer of a provider that is itself again
_thread: Final = threading.local()


class ThreadBackground:
    """Makes calls in threads of this process, each with database connections of its own, closed after it.

    While calls are slow, requests wait for them only briefly: each would hold a worker of the site.

    Args:
        answer_within: Seconds after which a request answers its browser.
        threads: At most.
    """

    def __init__(self, *, answer_within: float, threads: int) -> None:
        self._answer_within, self._threads = answer_within, threads
        self._lock = threading.Lock()
        self._pool: tuple[int, ThreadPoolExecutor] | None = None
        self._left = 0  # calls whose request has answered its browser
        self._last = 0.0  # seconds that the last call took

    def within(self, spent: float, call: Answer, later: Callable[[Answer], None]) -> Answer | None:
        """Implement `Background.within`; on the caller's own thread where another one has no database."""
        if getattr(_thread, "is_ours", False) or not _others_see_the_database():
            return call
        job: _Job = _Job(call, later, self._note)
        try:
            self._executor().submit(copy_context().run, job.run)
        except RuntimeError:  # the process is ending
            return call
        left = max(0.0, self._answer_within - spent)
        return job.answer_within(min(_BRIEFLY, left) if self._is_slow() else left)

    def patience(self, most: float) -> float:
        """Return nothing of it while calls are slow."""
        return 0.0 if self._is_slow() else most

    def _is_slow(self) -> bool:
        return self._left > 0 or self._last > _SLOW

    def _note(self, *, seconds: float | None = None, left: int = 0) -> None:
        with self._lock:
            self._left += left
            self._last = self._last if seconds is None else seconds

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None or self._pool[0] != os.getpid():  # a fork takes no threads along
                self._left, self._last = 0, 0.0
                self._pool = os.getpid(), ThreadPoolExecutor(self._threads, "stateful_oauth")
            return self._pool[1]


class _Job:
    """One call, which its request may leave to the thread that makes it.

    Args:
        note: Is told how long the call took, and how many more calls were left, or one fewer.
    """

    def __init__(self, call: Answer, later: Callable[[Answer], None], note: Callable[..., None]) -> None:
        self._call, self._later, self._note = call, later, note
        self._lock, self._is_there = threading.Lock(), threading.Event()
        self._answer: Answer | None = None
        self._is_left = False

    def answer_within(self, seconds: float) -> Answer | None:
        """Wait for the answer. If it does not come, leave it to `later`."""
        self._is_there.wait(seconds)
        with self._lock:
            if self._answer is None:
                self._is_left = True
                self._note(left=1)
            return self._answer

    def run(self) -> None:
        """Make the call, and go on with its answer if the request has left."""
        _thread.is_ours, started = True, time.monotonic()
        try:
            answer = answer_of(self._call)
            self._note(seconds=time.monotonic() - started)
            with self._lock:
                self._answer = answer
            self._is_there.set()
            if self._is_left:
                self._go_on(answer)
        finally:
            for each in connections.all(initialized_only=True):
                each.close()  # this thread's own

    def _go_on(self, answer: Answer) -> None:
        try:
            self._later(answer)
        except Exception:  # no request is there to be told
            logger.exception("an effect went on without its request, and could not be settled")
        finally:
            self._note(left=-1)


def _others_see_the_database() -> bool:
    """Whether another thread sees what this one has committed: not within a test's own transaction."""
    connection: Any = connections[router.db_for_write(FlowTransaction)]
    if connection.in_atomic_block:
        return False
    return not (connection.vendor == "sqlite" and connection.is_in_memory_db())
