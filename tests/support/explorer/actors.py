"""Actors on threads of their own, of which one moves at a time, by one step.

A step is a statement outside of a transaction, a transaction, or a request to the tenant, with what the code
does between it and the next one. An actor stops right before each. So nobody is ever stopped inside of a
transaction, which on SQLite would keep everybody else out.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from django.db import connections, router

from stateful_oauth.flows.engine.crash_points import observed
from stateful_oauth.storage.models import FlowTransaction
from tests.support.explorer.accesses import (
    Accesses,
    ids_in,
    touched_by_request,
    touched_by_statement,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stateful_oauth.emulator import Tenant
    from stateful_oauth.testing.clock import ManualClock

_PATIENCE: Final = 60.0  # seconds of real time, for one step
_BORN: Final = re.compile(rf"\s*INSERT INTO \"{FlowTransaction._meta.db_table}\"")

CrashPlace = tuple[str, int]
"""Whose crash, and at how many-th crash point that it reaches, counted from 0."""


class Crashed(BaseException):
    """The process is gone: no `except Exception` sees it."""


class Blocked(Exception):
    """An actor does not come to its next step: it waits for something that another actor holds."""


class _Dismissed(BaseException):
    """The order is not followed to its end."""


class Actor:
    """Somebody who does something at the same time as others.

    Attributes:
        name: As the scene calls it.
        is_over: Whether there is no next step.
        result: What the action returned, or the exception that it raised.
        reached: The crash points so far, with their steps.
    """

    def __init__(self, name: str, action: Callable[[], object], ensemble: Ensemble) -> None:
        self.name, self.is_over = name, False
        self.result: object = None
        self.reached: list[tuple[str, str]] = []
        self.accesses = Accesses()
        self.last = Accesses()
        self.waits = self.has_waited = False
        self.born = 0
        self.dismissed = False
        self._action, self._ensemble = action, ensemble
        self._go, self._came = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Come to the first step."""
        self._thread.start()
        self._await()

    def move(self) -> Accesses:
        """Make one step, come to the next, and return what it touched."""
        self.accesses, self.has_waited = Accesses(), False
        self._go.release()
        self._await()
        self.last = self.accesses
        return self.accesses

    def dismiss(self) -> None:
        """End the thread, wherever it is."""
        self.dismissed = True
        if not self.is_over:
            self._go.release()
        self._thread.join(_PATIENCE)

    def pause(self) -> None:
        """Stop before a step, on the actor's own thread."""
        if self.dismissed:
            return  # on the way out, whatever it still does
        self.waits = self.has_waited
        self._came.release()
        self._go.acquire()
        if self.dismissed:
            raise _Dismissed

    def _await(self) -> None:
        if not self._came.acquire(timeout=_PATIENCE):
            raise Blocked(f"{self.name} does not come to its next step.")

    def _run(self) -> None:
        self._ensemble.enter(self)
        try:
            self.result = self._action()
        except (Exception, Crashed) as error:  # noqa: BLE001 - what came of it is for the scene to judge
            self.result = error
        except _Dismissed:
            pass
        finally:
            connections.close_all()
            self.is_over = True
            self._came.release()


class Ensemble:
    """The actors of one run.

    Args:
        crash: Who dies, and where.
    """

    def __init__(self, tenant: Tenant, clock: ManualClock, crash: CrashPlace | None) -> None:
        self.actors: dict[str, Actor] = {}
        self.has_crashed = False
        self._names: dict[str, str] = {}
        # Random in every run; in which order they were issued stays.
        self._codes = {code: str(number) for number, code in enumerate(tenant.issued.codes)}
        self._born = 0
        self._tenant, self._clock, self._crash = tenant, clock, crash
        self._by_thread: dict[int, Actor] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Install what makes the actors stop, and what takes down what they touch."""
        application, clock = self._tenant.wsgi, self._clock
        exchange, sleep = application.exchange, clock.sleep

        def exchanging(environ: Any, **options: Any) -> Any:
            actor = self._me()
            if actor is not None:
                actor.pause()
                reads, writes = touched_by_request(environ, self._codes)
                actor.accesses.note(reads, written=False)
                actor.accesses.note(writes, written=True)
            return exchange(environ, **options)

        def sleeping(seconds: float) -> None:
            actor = self._me()
            if actor is not None:
                actor.has_waited = True
            sleep(seconds)

        vars(application)["exchange"], vars(clock)["sleep"] = exchanging, sleeping
        try:
            with observed(self._reached):
                yield
        finally:
            for actor in self.actors.values():
                actor.dismiss()
            del vars(application)["exchange"], vars(clock)["sleep"]

    def begin(self, actions: dict[str, Callable[[], object]]) -> None:
        """Bring everybody to their first step."""
        self.actors = {name: Actor(name, action, self) for name, action in actions.items()}
        for actor in self.actors.values():
            actor.start()

    def enter(self, actor: Actor) -> None:
        """Watch the database connection of an actor's thread."""
        self._by_thread[threading.get_ident()] = actor
        connection = connections[router.db_for_write(FlowTransaction)]

        def statement(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if not connection.in_atomic_block:
                actor.pause()
            if _BORN.match(sql):
                actor.born += 1
                # Ids are made anew in every run; whose child it is stays.
                self._names[ids_in(params)[0]] = f"{actor.name}'s {actor.born}"
            reads, writes = touched_by_statement(sql, params, self._names)
            actor.accesses.note(reads, written=False)
            actor.accesses.note(writes, written=True)
            return execute(sql, params, many, context)

        connection.execute_wrappers.append(statement)

    def name_rows(self, ids: list[str]) -> None:
        """Give the transactions that are there names which hold in every run."""
        self._names = {digits: f"first {number}" for number, digits in enumerate(ids)}

    def _me(self) -> Actor | None:
        return self._by_thread.get(threading.get_ident())

    def _reached(self, point: str, step: str) -> None:
        actor = self._me()
        if actor is None or actor.dismissed:
            return
        actor.reached.append((point, step))
        if (actor.name, len(actor.reached) - 1) == self._crash:
            self.has_crashed = True
            raise Crashed(f"{actor.name} at {point} of {step}")
