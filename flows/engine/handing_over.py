"""Effects that take longer than their request should: they go on without it.

The request's thread waits for a while. If the answer is not there by then, it answers its browser, which
follows on the progress page, and the thread that made the call settles what comes of it. If the process dies
meanwhile, the row is overdue and recovery comes, as for every worker that dies.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, Protocol

from stateful_oauth.flows.engine.effects import Event

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.run import Settled

Answer = Callable[[], Event]  # returns what an effect returned, or raises what it raised


class Background(Protocol):
    """Where calls go on without the request that began them."""

    def within(self, spent: float, call: Answer, later: Callable[[Answer], None]) -> Answer | None:
        """Make a call, and wait for its answer for as long as a request may.

        Args:
            spent: Seconds that the request has taken so far.
            later: Is called with the answer on the thread that made the call, if that took longer.

        Returns:
            The answer; or None if `later` gets it.
        """

    def patience(self, most: float) -> float:
        """Return for how many seconds a request may wait for another one's answer, `most` at most."""


class Inline:
    """Makes each call on the caller's thread, however long it takes."""

    def within(self, spent: float, call: Answer, later: Callable[[Answer], None]) -> Answer | None:  # noqa: ARG002 - the port's
        """Leave the call to the caller."""
        return call

    def patience(self, most: float) -> float:
        """Return all of it."""
        return most


def answer_of(call: Answer) -> Answer:
    """Make a call; return what returns its answer, or raises it on the thread that asks."""
    try:
        answer = call()
    except BaseException as error:  # noqa: BLE001 - the thread that asks decides
        raised = error

        def fail() -> NoReturn:
            raise raised

        return fail
    return lambda: answer


def called(
    background: Background, settled: Settled, call: Answer, go_on: Callable[..., object]
) -> Answer | None:
    """Make an effect's call; return its answer, or None if it goes on without its request.

    Args:
        go_on: `Execution.go_on`: settles the answer then, on behalf of a caller that has no request.
    """
    run = settled.run
    if run.caller.actor.kind != "browser":
        return call  # a sweep or an operator, which no browser waits for

    def later(answer: Answer) -> None:
        try:
            alone = replace(run, caller=run.caller.without_request())
            go_on(replace(settled, run=alone), answer=answer)
        finally:
            run.slot.release()

    answer = background.within(time.monotonic() - run.since, call, later)
    if answer is None:
        run.slot.hand_over()
    return answer
