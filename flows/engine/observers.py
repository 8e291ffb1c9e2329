"""Who watches the engine, and what it is told: for signals, logs and traces. By default nobody does."""

from __future__ import annotations

from contextlib import nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from stateful_oauth.flows.engine.outcomes import Outcome
    from stateful_oauth.flows.engine.transaction import Transaction, TransitionLog


class Observer(Protocol):
    """Watches the engine, and changes nothing that it does: no method raises, and none takes long."""

    def operation(self, name: str) -> AbstractContextManager[Callable[[Outcome], None]]:
        """Enclose an entrance of the engine.

        Args:
            name: `start`, `dispatch` or `recover`.

        Returns:
            What yields a function that takes the outcome. An exception passes through.
        """

    def span(self, name: str, transaction: Transaction, step: str) -> AbstractContextManager[None]:
        """Enclose one part of a dispatch. An exception passes through, `FenceLost` for instance.

        Args:
            name: `claim`, `effect` or `settle`.
            step: The event that is claimed or settled, or the effect.
        """

    def transitioned(self, before: Transaction, after: Transaction, lines: Sequence[TransitionLog]) -> None:
        """Take note of transitions that are committed.

        Args:
            before: The row as it was read, or as it was made.
            lines: One or more: local effects are settled with what they follow from.
        """

    def rejected(self, transaction: Transaction, line: TransitionLog) -> None:
        """Take note of an event that moved nothing."""


def _ignore(outcome: Outcome) -> None:
    """Leave the outcome to whoever asked for it."""


class Nobody:
    """Watches nothing, and costs next to nothing."""

    _ENTRANCE: Final = nullcontext(_ignore)
    _PART: Final = nullcontext(None)

    def operation(self, name: str) -> AbstractContextManager[Callable[[Outcome], None]]:  # noqa: ARG002 - the port's
        """Enclose nothing."""
        return self._ENTRANCE

    def span(self, name: str, transaction: Transaction, step: str) -> AbstractContextManager[None]:  # noqa: ARG002 - the port's
        """Enclose nothing."""
        return self._PART

    def transitioned(self, before: Transaction, after: Transaction, lines: Sequence[TransitionLog]) -> None:
        """Note nothing."""

    def rejected(self, transaction: Transaction, line: TransitionLog) -> None:
        """Note nothing."""


NULL_OBSERVER: Final = Nobody()


class Watched(Protocol):
    """What has entrances: the engine."""

    @property
    def observer(self) -> Observer:
        """Who watches it."""


_Engine = TypeVar("_Engine", bound=Watched)
_Arguments = ParamSpec("_Arguments")


def operation(
    method: Callable[Concatenate[_Engine, _Arguments], Outcome],
) -> Callable[Concatenate[_Engine, _Arguments], Outcome]:
    """Have the observer enclose a method of the engine, and tell it the outcome."""
    name = method.__name__

    @wraps(method)
    def enclosed(self: _Engine, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Outcome:
        with self.observer.operation(name) as answered:
            outcome = method(self, *args, **kwargs)
            answered(outcome)
            return outcome

    return enclosed
