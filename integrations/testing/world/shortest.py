"""The shortest scenario that still goes wrong in the same way.

Steps are left out one by one and the rest is run again: a scenario is a list of plain values, so this needs
far fewer runs than to shrink the choices that they were drawn from.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from stateful_oauth.testing.world.trace import Step
from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stateful_oauth.testing.world.base_state_machine import BaseStateMachine

_PATIENCE: Final = 120.0  # seconds of processor time; what is left then is short enough to be read


def shortest(world: type[BaseStateMachine], steps: Sequence[Step], error: Exception) -> Exception:
    """Return the error of the shortest scenario that was found, with its trace and its test as notes.

    Args:
        world: Whose rules the steps are.
        steps: A scenario that went wrong; the first is `settle_in`.
        error: How it went wrong.
    """
    found, end = error, time.process_time() + _PATIENCE
    best = tuple(steps)
    shorter = True
    while shorter:
        shorter = False
        for candidate in _simpler(best):
            if time.process_time() >= end:
                return found
            failure = _failure(world, candidate)
            if failure is not None and _alike(failure, error):
                best, found, shorter = candidate, failure, True
                break
    return found


def _simpler(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    """Yield the scenario without its last half, without each step, and without each fault."""
    if len(steps) > 4:
        yield steps[: 1 + len(steps) // 2]
        yield (steps[0], *steps[1 + len(steps) // 2 :])
    for at in range(len(steps) - 1, 0, -1):
        yield (*steps[:at], *steps[at + 1 :])
    for at, step in enumerate(steps):
        if step.arguments.get("faults"):
            calm = Step(step.rule, {**step.arguments, "faults": ()})
            yield (*steps[:at], calm, *steps[at + 1 :])


def _failure(world: type[BaseStateMachine], steps: Sequence[Step]) -> Exception | None:
    try:
        world.replay(*steps)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return error
    return None


def _alike(one: Exception, other: Exception) -> bool:
    if isinstance(one, Violation) and isinstance(other, Violation):
        return one.invariant == other.invariant
    return type(one) is type(other) and not isinstance(one, LookupError)
