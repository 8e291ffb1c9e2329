"""Effects: the calls to other services that are attached to transitions.

A transition that enters a working state names its effect. The machine only *intends* it; the engine commits
the new state first, runs the effect outside any database transaction, and settles with the event that the
effect returns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.flows.engine.errors import AnswerLost, FlowError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stateful_oauth.flows.engine.context import EffectContext

# The lease outlives the effect's own time limit by this much, so that a slow commit is not mistaken for a
# dead worker.
LEASE_MARGIN: Final = 20.0  # seconds


class LostAnswer(StrEnum):
    """What to do when the request was sent and no answer came, or the process died in between."""

    REPEAT = "repeat"  # safe to do again
    REREAD = "re-read"  # a reconciling read tells whether it happened
    FAIL = "fail"  # neither: end the flow with a code and a way to start over
    LOCAL = "local"  # the effect touches our own database only, inside the settle transaction


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to a transaction.

    Attributes:
        name: The machine's event.
        payload: One object, handed to guards and actions as `payload`.
        code: The error code to keep with the transition, or an empty string.
        detail: What another service said about it: text from outside, kept in the log only.
    """

    name: str
    payload: Any = None
    code: str = ""
    detail: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Effect:
    """A call with consequences.

    Attributes:
        name: What diagrams, log and admin call it.
        run: Does it, and returns the event to settle with. Raises `FlowError`.
        produces: The events that `run` may return or raise.
        time_limit: Seconds for each of its calls. All of them together end before the lease does.
        lost_answer: What a lost answer means.
        lost_code: The error code of a lost answer that has none of its own.
        reread: For `LostAnswer.REREAD`: finds out what happened, and returns the event to settle with.
        max_attempts: How often the effect is started before recovery ends.
        must_complete: What happened elsewhere must not be forgotten: when recovery ends, the row stays as it
            is, *stuck*, for an operator to retry. Otherwise the flow fails.
        waits_for_rate_limit: On a rate limit, keep the transaction working until the service takes requests
            again and leave it to recovery; otherwise a rate limit is a failure like any other. An effect with
            `must_complete` waits as well, and an attempt that met a rate limit is not one of its
            `max_attempts`.
    """

    name: str
    run: Callable[[EffectContext[Any]], Event]
    produces: tuple[str, ...]
    time_limit: float
    lost_answer: LostAnswer
    lost_code: str = AnswerLost.CODE
    reread: Callable[[EffectContext[Any]], Event] | None = None
    max_attempts: int = 3
    waits_for_rate_limit: bool = False
    must_complete: bool = False

    @property
    def is_local(self) -> bool:
        """Whether it runs inside the settle transaction, because it touches our own database only."""
        return self.lost_answer is LostAnswer.LOCAL

    @property
    def may_repeat(self) -> bool:
        """Whether it may be started again after a lost answer."""
        return self.lost_answer in (LostAnswer.REPEAT, LostAnswer.REREAD)

    @property
    def lease(self) -> float:
        """Seconds for which a claim of this effect is honoured."""
        return self.time_limit + LEASE_MARGIN

    def code_of(self, error: FlowError) -> str:
        """Return the code of a lost answer: the effect's own, where the error does not say more."""
        plain = isinstance(error, AnswerLost) and error.code == error.CODE
        return self.lost_code if plain else error.code

    def event(self, context: EffectContext[Any], *, reread: bool = False) -> Event:
        """Do it, or look with `reread` what became of an earlier attempt; return the event to settle with.

        Raises:
            FlowError: As the effect's own function raises it.
            TypeError: That function returned something else.
        """
        does = self.reread if reread and self.reread is not None else self.run
        event = does(context)
        if not isinstance(event, Event):
            returned = type(event).__name__  # and not the value: it may be secret
            raise TypeError(f"Effect {self.name}: return the event to settle with, and not {returned}.")
        return event


def effect(
    run: Callable[[EffectContext[Any]], Event],
    *,
    produces: tuple[str, ...],
    time_limit: float,
    lost_answer: LostAnswer,
    lost_code: str = AnswerLost.CODE,
    reread: Callable[[EffectContext[Any]], Event] | None = None,
    max_attempts: int = 3,
    waits_for_rate_limit: bool = False,
    must_complete: bool = False,
) -> Callable[..., None]:
    """Return the machine action that intends the effect; name it in a transition's `on=`.

    The action is a plain function, because python-statemachine reads the code object of its callbacks.
    """
    declared = Effect(
        run.__name__,
        run,
        produces,
        time_limit,
        lost_answer,
        lost_code,
        reread,
        max_attempts,
        waits_for_rate_limit,
        must_complete,
    )
    if (reread is not None) != (lost_answer is LostAnswer.REREAD):
        raise TypeError(f"Effect {declared.name}: give `reread` exactly when lost_answer is RE-READ.")

    def intend(self: Any) -> None:
        self.transition.effect = declared

    intend.__name__ = declared.name
    intend.__qualname__ = f"effect.{declared.name}"
    intend.__doc__ = run.__doc__
    intend.effect = declared  # type: ignore[attr-defined]  # functions take attributes
    return intend


def effect_of(action: object) -> Effect | None:
    """Return the effect that a machine action intends, or None for any other action."""
    return getattr(action, "effect", None)
