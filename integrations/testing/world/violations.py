"""What an invariant raises."""

from __future__ import annotations


class Violation(AssertionError):
    """Something is not as it always has to be.

    Attributes:
        invariant: The name of the rule that is broken.
    """

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant
