"""Running a World: for how long, with which seeds, and what is told about it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Final

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import RULE_MARKER, run_state_machine_as_test

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.crash_points import CRASH_POINTS
from stateful_oauth.testing.world.faults import FAILURES, MEANWHILE
from stateful_oauth.testing.world.figures import Figures
from stateful_oauth.testing.world.passing_time import AROUND
from stateful_oauth.testing.world.shortest import shortest
from stateful_oauth.testing.world.strategies import CALLBACK_CHANGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.testing.world.machine import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much is proved.

    Attributes:
        seconds: For how long scenarios are drawn at random, in processor time of one process: so the same is
            proved on a machine that has other things to do.
        steps: How long a scenario is at most.
        batch: How many scenarios are drawn with one seed.
    """

    seconds: float
    steps: int
    batch: int = 10


PROFILES: Final[Mapping[str, Profile]] = {
    "quick": Profile(seconds=30, steps=30),
    "ci": Profile(seconds=300, steps=40, batch=25),
    "deep": Profile(seconds=3600, steps=60, batch=50),
}


def prove(
    world: type[World],
    profile: str | Profile = "quick",
    *,
    seconds: float | None = None,
    first_seed: int = 0,
    seed_step: int = 1,
    with_corpus: bool = True,
    progress: Callable[[Figures], None] | None = None,
) -> Figures:
    """Run the corpus, then scenarios drawn at random until the time is over; return the figures.

    The same seeds draw the same scenarios. What violates something is made as short as it can be: the error
    has notes with the shortest scenario as a trace, and as a test.

    Args:
        world: A subclass of `World`, or `World`.
        profile: One of `PROFILES`, or one of your own.
        seconds: For how long scenarios are drawn, in processor time; what the profile says when left out.
        first_seed: Of the first batch.
        seed_step: From one batch to the next: several processes share the seeds that way.
        with_corpus: Run the scenarios of `world.corpus` first.
        progress: Is called after each scenario of the corpus and after each batch.

    Raises:
        Violation: An invariant does not hold.
        Exception: The site failed in an unexpected way.
        RuntimeError: The database has transactions already, which a scenario would delete.
    """
    from stateful_oauth.testing.world.site import require_empty_database  # noqa: PLC0415 - needs the app registry

    require_empty_database()
    chosen = profile if isinstance(profile, Profile) else PROFILES[profile]
    world.figures = figures = Figures()
    for name, steps in world.corpus.items() if with_corpus else ():
        try:
            world.replay(*steps)
        except Exception as error:
            error.add_note(f"This is the scenario {name!r} of {world.__name__}.corpus.")
            raise
        if progress is not None:
            progress(figures)
    end = time.process_time() + (chosen.seconds if seconds is None else seconds)
    for number in count(first_seed, seed_step):
        if time.process_time() >= end:
            break
        _draw(world, number, chosen)
        if progress is not None:
            progress(figures)
    figures.stop()
    return figures


def _draw(world: type[World], number: int, profile: Profile) -> None:
    machine = _anew(world)
    try:
        run_state_machine_as_test(seed(number)(machine), settings=_settings(profile))
    except Exception as error:
        steps = machine.latest_failure
        if not steps:
            raise
        found = shortest(world, steps, error)
        found.add_note(f"Drawn with seed {number}.")
        raise found from None


def _anew(world: type[World]) -> type[World]:
    """Return a class of its own, because hypothesis keeps a seed on the class."""
    made: type[World] = type(
        world.__name__, (world,), {"__module__": world.__module__, "__doc__": world.__doc__}
    )
    made.origin = world
    return made


def _settings(profile: Profile) -> settings:
    return settings(
        max_examples=profile.batch,
        stateful_step_count=profile.steps,
        deadline=None,  # a scenario takes as long as it takes
        database=None,  # seeds repeat what was drawn
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        phases=[
            Phase.generate
        ],  # `shortest` knows what a step is, and is quicker than to shrink what was drawn
        verbosity=Verbosity.quiet,  # the notes of the error hold the trace
    )


def report(figures: Figures) -> list[str]:
    """Return the lines of the final report: one `name: number` a line."""
    return figures.lines(wiring.flows())


def assert_every_transition(figures: Figures) -> None:
    """Demand that every arrow of every flow of the site was taken.

    Raises:
        AssertionError: Says which were not, by their names in the diagrams.
    """
    never = figures.never_taken(wiring.flows())
    if never:
        raise AssertionError("No scenario took these transitions:\n  " + "\n  ".join(never))


def assert_everything_happened(figures: Figures, world: type[World]) -> None:
    """Demand that every rule of a World was run, and that everything went wrong that can.

    A rule whose precondition never holds proves nothing, and its absence would not be noticed.

    Raises:
        AssertionError: Says what never happened.
    """
    wanted = [
        *(f"rule: {name}" for name in _rules(world)),
        *(f"call fails: {how}" for how in FAILURES),
        *(f"worker {what}: {point}" for what in ("dies", "stands still") for point in CRASH_POINTS),
        *(f"meanwhile: {what}" for what in MEANWHILE),
        *(f"callback is changed: {change}" for change in CALLBACK_CHANGES),
        *(f"around the site: {what}" for what in AROUND),
    ]
    never = [each for each in wanted if not figures.happened[each]]
    if never:
        raise AssertionError("In no scenario:\n  " + "\n  ".join(never))


def _rules(world: type[World]) -> list[str]:
    return [name for name in dir(world) if hasattr(getattr(world, name), RULE_MARKER)]
