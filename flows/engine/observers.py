"""The observer of the engine, and what it is told: for signals, logs and traces. By default there is none."""

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
        """Enclose an operation of the engine.

        Args:
            name: `start`, `dispatch` or `recover`.

        Returns:
            What yields a function that takes the outcome. An exception passes through.
        """

    def span(self, name: str, transaction: Transaction, step: str) -> AbstractContextManager[None]:
        """Enclose one span of an operation. An exception passes through, `FenceLost` for instance.

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
    """Take no note of the outcome."""


class NullObserver:
    """Watches nothing, and costs next to nothing."""

    _OPERATION: Final = nullcontext(_ignore)
    _SPAN: Final = nullcontext(None)

    def operation(self, name: str) -> AbstractContextManager[Callable[[Outcome], None]]:  # noqa: ARG002 - the port's
        """Enclose nothing."""
        return self._OPERATION

    def span(self, name: str, transaction: Transaction, step: str) -> AbstractContextManager[None]:  # noqa: ARG002 - the port's
        """Enclose nothing."""
        return self._SPAN

    def transitioned(self, before: Transaction, after: Transaction, lines: Sequence[TransitionLog]) -> None:
        """Note nothing."""

    def rejected(self, transaction: Transaction, line: TransitionLog) -> None:
        """Note nothing."""


NULL_OBSERVER: Final = NullObserver()


class Watched(Protocol):
    """What has operations: the engine."""

    @property
    def observer(self) -> Observer:
        """What is told of each."""


_Engine = TypeVar("_Engine", bound=Watched)
_Arguments = ParamSpec("_Arguments")


def observed_operation(
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
