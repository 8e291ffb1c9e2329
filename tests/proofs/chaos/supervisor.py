"""Keeps worker processes alive, and kills them: at every named crash point, and at random.

Everything is imported once; each worker is a fork that serves the one listening socket, so that a kill costs
milliseconds. A worker is told where to die: it kills itself with SIGKILL at the first of some places that it reaches. Beside that the supervisor kills a worker at random. A sweeper runs among them, and dies as well.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import django

django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - after setup
from django.db import connections  # noqa: E402 - after setup
from django.test import Client  # noqa: E402 - after setup
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402 - after setup

from stateful_oauth.django import wiring  # noqa: E402 - after setup
from stateful_oauth.django.sweeps.sweeping import recover_due  # noqa: E402 - after setup
from stateful_oauth.flows.engine.crash_points import CRASH_POINTS, observed  # noqa: E402 - after setup
from stateful_oauth.flows.engine.effects import LostAnswer  # noqa: E402 - after setup
from stateful_oauth.flows.engine.errors import FlowError  # noqa: E402 - after setup
from stateful_oauth.flows.engine.secret import Secret  # noqa: E402 - after setup

Place = tuple[str, str]
_SHARE = 0.05  # of all places, for one worker: a flow is through a dozen of them, so most of what is begun gets somewhere


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *args: Any) -> None:
        """Nothing: half of the requests die anyway."""


def places() -> list[Place]:
    """Return every crash point with every step that can reach it, read from the machines."""
    found: set[Place] = {("start.before_commit", "start"), ("start.after_commit", "start")}
    for flow in wiring.flows():
        for effect in {edge.effect for edge in flow.edges if edge.effect is not None}:
            if effect.lost_answer is LostAnswer.LOCAL:
                continue
            found |= {(f"effect.{when}", effect.name) for when in ("before", "after")}
            found |= {
                (f"settle.{when}_commit", event) for when in ("before", "after") for event in effect.produces
            }
        found |= {
            (f"claim.{when}_commit", event)
            for when in ("before", "after")
            for event in (*flow.machine.browser_events, "retry")
        }
    found |= {(point, "refresh") for point in CRASH_POINTS if point.startswith("refresh.")}
    return sorted(found)


class Supervisor:
    """Runs until its standard input is closed."""

    def __init__(self, listening: socket.socket, folder: Path, workers: int, pause: float, seed: int) -> None:
        self._listening, self._folder, self._wanted, self._pause = listening, folder, workers, pause
        self._random = random.Random(seed)
        self._places = places()
        self._workers: dict[int, str] = {}
        self._application = get_wsgi_application()
        warm_up()

    def run(self) -> None:
        os.set_blocking(sys.stdin.fileno(), False)
        due = time.monotonic() + self._pause
        while sys.stdin.buffer.read(1) != b"":
            self._bury()
            while list(self._workers.values()).count("worker") < self._wanted:
                self._fork("worker")
            if "sweeper" not in self._workers.values():
                self._fork("sweeper")
            if time.monotonic() >= due:
                self._kill_one()
                due = time.monotonic() + self._pause * self._random.uniform(0.5, 1.5)
            time.sleep(0.01)
        for pid in list(self._workers):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _bury(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._workers.pop(pid)
            if not os.WIFSIGNALED(status):
                note(self._folder, "accident", f"exit {os.waitstatus_to_exitcode(status)}")

    def _kill_one(self) -> None:
        pid = self._random.choice(list(self._workers))
        note(self._folder, "random", self._workers[pid])
        os.kill(pid, signal.SIGKILL)

    def _fork(self, role: str) -> None:
        places = self._places_to_die_at()
        pid = os.fork()
        if pid:
            self._workers[pid] = role
            return
        try:
            sys.stdin.close()
            with observed(Suicide(self._folder, places)):
                if role == "worker":
                    self._serve()
                else:
                    self._sweep()
        finally:
            os._exit(1)

    def _places_to_die_at(self) -> set[Place]:
        """Return some places for the next worker, one at which nobody has died yet, and all of such points."""
        died_at = set(notes(self._folder))
        left = [place for place in self._places if " ".join(place) not in died_at]
        some = {place for place in self._places if self._random.random() < _SHARE}
        # Few ever come to some points, and every point is to be met in every run.
        points = {line.split(" ", 1)[0] for line in died_at}
        rare = {(point, step) for point, step in self._places if point not in points}
        return some | rare | {self._random.choice(left or self._places)}

    def _serve(self) -> None:
        make_server(
            "127.0.0.1",
            0,
            self._application,
            threaded=True,
            request_handler=Quiet,
            fd=os.dup(self._listening.fileno()),
        ).serve_forever()

    def _sweep(self) -> None:
        while True:
            recover_due()
            time.sleep(1)


def warm_up() -> None:
    """Import, fetch and build before the first fork what every worker would otherwise begin with."""
    wiring.engine()
    provider = wiring.provider("default")
    provider.management.users_by_email("nobody@example.com", time_limit=10)
    with suppress(FlowError):  # no such code, but metadata and keys are there then
        provider.exchange_code(
            code=Secret("none"), redirect_uri="http://127.0.0.1/", code_verifier=Secret("none"), time_limit=10
        )
    Client().get("/auth/restart/", headers={"host": "localhost"})
    connections.close_all()  # a child must not share a connection with its siblings


class Suicide:
    """Ends the process at whichever of some places it reaches first."""

    def __init__(self, folder: Path, places: set[Place]) -> None:
        self._folder, self._places = folder, places

    def __call__(self, *place: str) -> None:
        if place in self._places:
            note(self._folder, *place)
            os.kill(os.getpid(), signal.SIGKILL)


def notes(folder: Path) -> list[str]:
    """Return what was noted so far, a line each."""
    file = folder / "kills"
    return file.read_text().splitlines() if file.exists() else []


def note(folder: Path, kind: str, what: str) -> None:
    """Append a line that survives this process."""
    with (folder / "kills").open("a") as file:
        file.write(f"{kind} {what}\n")


if __name__ == "__main__":
    descriptor, where, count, pause, seed = sys.argv[1:]
    Supervisor(socket.socket(fileno=int(descriptor)), Path(where), int(count), float(pause), int(seed)).run()
