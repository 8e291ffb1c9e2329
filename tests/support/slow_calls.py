"""Effects that go on without their request, when the test says so."""

from __future__ import annotations

from collections.abc import Callable

from stateful_oauth.flows.engine.handing_over import Answer, answer_of


class SlowCalls:
    """Stands in for the threads: while `are_slow`, no request waits, and calls wait until `finish`.

    Implements `flows.engine.handing_over.Background`.
    """

    def __init__(self) -> None:
        self.are_slow = True
        self._left: list[tuple[Answer, Callable[[Answer], None]]] = []

    def within(self, spent: float, call: Answer, later: Callable[[Answer], None]) -> Answer | None:
        if not self.are_slow:
            return call
        self._left.append((call, later))
        return None

    def patience(self, most: float) -> float:
        return 0.0 if self._left else most

    def finish(self) -> None:
        """Let the threads come to their ends."""
        left, self._left = self._left, []
        for call, later in left:
            later(answer_of(call))

    def die(self) -> None:
        """End the process."""
        self._left = []
