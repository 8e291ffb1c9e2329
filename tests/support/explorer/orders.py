"""Every order in which actors can move, but for those that end as one that was tried does.

Depth first, each order from the beginning, with *sleep sets* (Godefroid, *Partial-Order Methods for the
Verification of Concurrent Systems*, 1996, chapter 5): once an actor's step was tried from a place, it sleeps
in the places behind its siblings until a step touches what it touches. Two orders that differ only in
neighbouring steps which commute are one *trace*; sleep sets leave one order of each trace, and so every end
that there can be.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from django.db.models.expressions import RawSQL

from stateful_oauth.django.sweeps.sweeping import expire_due, recover_due
from stateful_oauth.storage.models import FlowTransaction
from tests.support.explorer.actors import CrashPlace, Ensemble
from tests.support.explorer.beginning import Beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from stateful_oauth.emulator import Tenant
    from stateful_oauth.testing.clock import ManualClock
    from tests.support.explorer.accesses import Accesses

_ROUNDS: Final = 12  # of recovery: pauses between attempts double
_LATER: Final = 1200.0  # seconds, longer than every lease, pause and deadline


class NotTheSame(Exception):
    """A scene was made anew, and one order of steps went another way."""


class Scene(Protocol):
    """One beginning. It is made anew for every order, and must be the same every time.

    What the process keeps for good, keys and tokens say, must be there already: an actor that fetches it for
    all would hold everybody up.

    Attributes:
        tenant: The emulated tenant behind the site.
        clock: The clock of the site.
    """

    tenant: Tenant
    clock: ManualClock

    def actors(self) -> Mapping[str, Callable[[], object]]:
        """Return who does what, by name."""

    def alike(self) -> tuple[str, ...]:
        """Return the names of actors that do the same: to swap them makes no difference."""

    def crashing(self) -> tuple[str, ...]:
        """Return the names of actors of which one may crash; of mirror images, one will do."""

    def check(self, results: Mapping[str, object], crashed: str | None) -> None:
        """Hold what must be true after recovery.

        Args:
            results: What each action returned, or the exception that it raised; `Crashed` of who crashed.
            crashed: Who crashed.

        Raises:
            AssertionError: It is not.
        """


@dataclass(frozen=True)
class Violation:
    """What was not true, and the order that leads there.

    Attributes:
        order: Who moved, step by step.
        crash: Whose crash, and where.
    """

    what: str
    order: tuple[str, ...]
    crash: str


@dataclass
class Exploration:
    """What was tried.

    Attributes:
        kind: The flow.
        orders: How many orders were followed to their end.
        pruned: How many were left in the middle: they would have ended as another one did.
        steps: How many steps were made.
        crash_places: Every place where an actor crashed, with how many orders it was tried in.
    """

    kind: str
    orders: int = 0
    pruned: int = 0
    steps: int = 0
    crash_places: dict[str, int] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)

    @property
    def crashes(self) -> int:
        """How many orders had a crash in them."""
        return sum(self.crash_places.values())

    def lines(self) -> list[str]:
        """Return the figures, one `name: number` a line."""
        figures = {
            "orders": self.orders,
            "orders with a crash": self.crashes,
            "places of a crash": len(self.crash_places),
            "orders left as equivalent": self.pruned,
            "steps": self.steps,
            "violations": len(self.violations),
        }
        return [f"{name} of {self.kind}: {number}" for name, number in figures.items()]


@dataclass
class _Place:
    """A place in the tree of orders: who may move, who has been tried, and who sleeps."""

    enabled: tuple[str, ...]
    asleep: dict[str, Accesses]
    tried: dict[str, Accesses] = field(default_factory=dict)
    chosen: str = ""

    def choose(self) -> bool:
        for name in self.enabled:
            if name not in self.tried and name not in self.asleep:
                self.chosen = name
                return True
        return False


class Explorer:
    """Tries every order, then every order with every crash.

    Args:
        kind: The flow that the scene is about.
        scenes: Returns a context that makes a scene and clears it away.
        prunes: Leave out equivalent orders. Without, every order is tried: to check the explorer itself.

    Raises:
        RuntimeError: The database is no SQLite, or the test sits in a transaction of its own.
    """

    def __init__(
        self, kind: str, scenes: Callable[[], AbstractContextManager[Scene]], *, prunes: bool = True
    ) -> None:
        self.found = Exploration(kind)
        self._scenes, self._prunes = scenes, prunes
        self._places: dict[CrashPlace, str] = {}
        self._random: random.Random | None = None
        self._beginning = Beginning()

    def explore(self, *, crashes: bool = True, at_once: int = 3) -> Exploration:
        """Return what was tried and found.

        Args:
            crashes: Let one actor crash, at every crash point that it reaches in any order.
            at_once: With 2, every pair meets in every order, and whoever is left comes after both. The number
                of orders grows with every actor by a factor, and so does the time.

        Raises:
            NotTheSame: A scene is not the same every time.
            Blocked: An actor waits for something that another one holds.
        """
        try:
            for last in self._lasts(None, at_once):
                self._explore(None, last)
            for crash in sorted(self._places) if crashes else ():
                for last in self._lasts(crash, at_once):
                    self._explore(crash, last)
        finally:
            self._beginning.restore()
            self._beginning.close()
        return self.found

    def draw(self, orders: int, *, seed: int = 0, crashes: bool = True) -> Exploration:
        """Return what was tried and found in orders drawn at random: for where they are too many to try each.

        Nobody comes last here, and nothing is left out as equivalent.

        Args:
            orders: How many to follow to their end, half of them without a crash.
            crashes: Let one actor, whichever, crash in the other half, at one of the crash points met so far.
        """
        self._random, self._prunes = random.Random(seed), False
        try:
            while self.found.orders < orders:
                has_its_turn = crashes and self._places and 2 * self.found.crashes < self.found.orders
                crash = self._random.choice(sorted(self._places)) if has_its_turn else None
                self._follow([], crash, last="")
        finally:
            self._random = None
            self._beginning.restore()
            self._beginning.close()
        return self.found

    def _lasts(self, crash: CrashPlace | None, at_once: int) -> tuple[str, ...]:
        """Return who comes after the others, one tree of orders each."""
        self._beginning.restore()
        with self._scenes() as scene:
            names, alike = tuple(scene.actors()), scene.alike()
        if at_once >= len(names):
            return ("",)
        others = [name for name in names if crash is None or name != crash[0]]
        # Of those that do the same, who comes last makes no difference.
        return tuple(name for name in others if name not in [each for each in others if each in alike][:-1])

    def _explore(self, crash: CrashPlace | None, last: str) -> None:
        path: list[_Place] = []
        while True:
            self._follow(path, crash, last)
            while path:
                place = path[-1]
                if place.choose():
                    break
                path.pop()
            if not path:
                return

    def _follow(self, path: list[_Place], crash: CrashPlace | None, last: str) -> None:
        """Make the steps of the path, and go on from there to an end, adding to the path."""
        self._beginning.restore()
        with self._scenes() as scene:
            ensemble = Ensemble(scene.tenant, scene.clock, crash)
            # In the order in which they were made: ids of one moment are in no order that holds.
            ids = FlowTransaction.objects.order_by(RawSQL("rowid", ())).values_list("pk", flat=True)
            ensemble.name_rows([key.hex for key in ids])
            with ensemble.watching():
                ensemble.begin(dict(scene.actors()))
                order = self._walk(path, ensemble, scene, crash, last)
                results = {name: actor.result for name, actor in ensemble.actors.items()}
            if order is None:
                self.found.pruned += 1
                return
            if crash is not None and not ensemble.has_crashed:
                return  # the same order was followed without a crash
            self._note(ensemble, crash, scene.crashing() if self._random is None else tuple(results))
            try:
                _recover(scene.clock)
                scene.check(results, None if crash is None else crash[0])
            except AssertionError as error:
                where = "" if crash is None else self._places[crash]
                self.found.violations.append(Violation(str(error), order, where))

    def _walk(
        self, path: list[_Place], ensemble: Ensemble, scene: Scene, crash: CrashPlace | None, last: str
    ) -> tuple[str, ...] | None:
        alike = scene.alike() if self._prunes and (crash is None or crash[0] not in scene.alike()) else ()
        order: list[str] = []
        while True:
            if len(order) == len(path):
                enabled = _enabled(ensemble, alike, order, last)
                if not enabled:
                    return tuple(order)
                if self._random is not None:
                    enabled = tuple(self._random.sample(enabled, len(enabled)))
                place = _Place(enabled, self._sleepers(path))
                if not place.choose():
                    return None
                path.append(place)
            place = path[len(order)]
            if place.chosen not in _enabled(ensemble, alike, order, last):
                raise NotTheSame(f"{place.chosen} cannot move where it could before: {order}")
            touched = ensemble.actors[place.chosen].move()
            before = place.tried.get(place.chosen, touched)
            if touched != before:
                raise NotTheSame(f"{place.chosen} touches {touched} where it was {before}: {order}")
            self.found.steps += 1
            _wake(ensemble, place.chosen, touched)
            place.tried[place.chosen] = touched
            order.append(place.chosen)

    def _sleepers(self, path: list[_Place]) -> dict[str, Accesses]:
        """Return who sleeps behind the last place: who slept or was tried there, and shares nothing."""
        if not path or not self._prunes:
            return {}
        last = path[-1]
        step = last.tried[last.chosen]
        before = last.asleep | last.tried
        return {
            name: accesses
            for name, accesses in before.items()
            if name != last.chosen and not accesses.conflicts_with(step)
        }

    def _note(self, ensemble: Ensemble, crash: CrashPlace | None, crashing: tuple[str, ...]) -> None:
        self.found.orders += 1
        if crash is not None:
            where = self._places[crash]
            self.found.crash_places[where] = self.found.crash_places.get(where, 0) + 1
            return
        for name in crashing:
            actor = ensemble.actors[name]
            for number, (point, step) in enumerate(actor.reached):
                self._places.setdefault((name, number), f"{name}: {point} of {step} ({number})")


def _enabled(ensemble: Ensemble, alike: tuple[str, ...], order: list[str], last: str) -> tuple[str, ...]:
    """Return who can move: whoever waits for somebody else moves when nobody else can."""
    open_ = [actor for actor in ensemble.actors.values() if not actor.is_over]
    open_ = [actor for actor in open_ if actor.name != last] or open_
    awake = [actor for actor in open_ if not actor.waits] or open_
    # Of actors that do the same, the first moves first.
    unmoved = [name for name in alike if name not in order]
    return tuple(actor.name for actor in awake if actor.name not in unmoved[1:])


def _wake(ensemble: Ensemble, mover: str, touched: Accesses) -> None:
    """Whoever waits looks again once somebody has touched what it looked at."""
    for actor in ensemble.actors.values():
        if actor.name != mover and actor.waits and touched.conflicts_with(actor.last):
            actor.waits = False


def _recover(clock: ManualClock) -> None:
    """Let time pass, and sweep until nothing is open."""
    open_ = FlowTransaction.objects.exclude(state_kind="final").values_list("kind", "state")
    for _ in range(_ROUNDS):
        clock.advance(_LATER)
        recover_due()
        expire_due()
        if not open_.exists():
            return
    raise AssertionError(f"Still open after recovery: {list(open_)}")
