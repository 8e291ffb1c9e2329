"""A small flow whose effect is a far-away counter: what the engine does, without OAuth around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.context import EffectContext, FlowContext
from stateful_oauth.flows.engine.effects import Event, LostAnswer, effect
from stateful_oauth.flows.engine.engine import Engine, EnginePolicy
from stateful_oauth.flows.engine.errors import AnswerLost, FlowError, Mismatch, RateLimited, ServiceRefused
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.observers import NULL_OBSERVER, Observer
from stateful_oauth.flows.engine.outcomes import Abandoned, Expired, Failed, Mismatched, Outcome
from stateful_oauth.flows.engine.ports import Clock, TransactionStore
from stateful_oauth.flows.engine.registry import FlowRegistry
from stateful_oauth.flows.engine.transaction import Transaction
from stateful_oauth.flows.oauth.errors import AccountRefused, ProviderUnreachable
from stateful_oauth.storage.store import DjangoTransactionStore
from tests.support.callers import Person

KIND = "tests.toy"
RETRY_AFTER = 300.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Outcome):
    """The toy is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits(Outcome):
    """The toy waits for its browser."""


class Bug(Exception):
    """A mistake in an effect, of the kind that nobody expected."""


@dataclass
class Counter:
    """The far-away service. `troubles` says what goes wrong, call by call; after them all is well.

    Attributes:
        value: How often it really counted.
        calls: What was asked of it: `count` or `look`.
        keeps: What the local effect does: nothing, or raise something.
    """

    troubles: list[str] = field(default_factory=list)
    value: int = 0
    calls: list[str] = field(default_factory=list)
    keeps: Callable[[EffectContext], None] = lambda context: None

    def count(self, context: EffectContext) -> Event:
        self.calls.append("count")
        trouble = self.troubles.pop(0) if self.troubles else ""
        match trouble:
            case "unreachable":
                raise ProviderUnreachable
            case "request lost":
                raise AnswerLost
            case "refused":
                raise ServiceRefused("client_rejected")
            case "busy":
                raise RateLimited(context.clock.now() + timedelta(seconds=RETRY_AFTER))
            case "busy, for how long nobody knows":
                raise RateLimited(None)
            case "bug":
                raise Bug
            case "no event":
                return None  # type: ignore[return-value]  # the mistake of whoever forgets a return
            case "mismatch":
                raise Mismatch("subject_mismatch")
        self.value += 1
        if trouble == "answer lost":
            raise AnswerLost
        if trouble == "answer garbled":
            raise AnswerLost(code="provider_answer_invalid")
        return Event("counted", self.value)

    def look(self, context: EffectContext) -> Event:
        self.calls.append("look")
        return Event("counted", self.value) if self.value else self.count(context)


def make_toy(
    counter: Counter,
    *,
    lost_answer: LostAnswer = LostAnswer.REPEAT,
    max_attempts: int = 3,
    waits_for_rate_limit: bool = False,
    must_complete: bool = False,
    version: int = 1,
    upcasts: dict[int, Callable[[Transaction], Transaction]] | None = None,
    without: Sequence[str] = (),
    undescribed: FlowError | None = None,
) -> type[FlowMachine]:
    """Return a flow: ready → counting → keeping → done.

    Args:
        without: Edges to leave out: `retry`, `abandon`, `fail` (of what counts), `expire` (of what is ready).
        undescribed: What is raised when somebody asks for the outcome of a waiting row.
    """
    chosen_version, chosen_upcasts, not_described = version, upcasts or {}, undescribed

    def count(context: EffectContext) -> Event:
        return counter.count(context)

    def look(context: EffectContext) -> Event:
        return counter.look(context)

    def keep(context: EffectContext) -> Event:
        counter.keeps(context)
        return Event("kept", context.payload)

    # The body of a class does not see the names of the function around it that it gives a value itself.
    run_count, run_look, run_keep = count, look, keep

    class Toy(FlowMachine):
        kind = KIND
        version = chosen_version
        browser_events = ("go",)
        upcasts = chosen_upcasts

        created = WaitingState(initial=True)
        ready = WaitingState(deadline=60)
        counting = WorkingState()
        keeping = WorkingState()
        done = FinalState(Finished)
        mismatched = FinalState(Mismatched)
        failed = FinalState(Failed)
        expired = FinalState(Expired)
        abandoned = FinalState(Abandoned)

        count = effect(
            run_count,
            produces=("counted", "mismatch") if "fail" in without else ("counted", "mismatch", "fail"),
            time_limit=5,
            lost_answer=lost_answer,
            lost_code="code_exchange_lost" if lost_answer is LostAnswer.FAIL else "provider_answer_lost",
            reread=run_look if lost_answer is LostAnswer.REREAD else None,
            max_attempts=max_attempts,
            waits_for_rate_limit=waits_for_rate_limit,
            must_complete=must_complete,
        )
        keep = effect(run_keep, produces=("kept", "fail"), time_limit=0, lost_answer=LostAnswer.LOCAL)

        start = created.to(ready)
        go = ready.to(counting, on="count")
        counted = counting.to(keeping, on="keep")
        kept = keeping.to(done, on="remember")
        if "retry" not in without:
            retry = counting.to.itself(on="count")
        mismatch = counting.to(mismatched)
        fail = created.to(failed) | ready.to(failed) | keeping.to(failed)
        if "fail" not in without:
            fail |= counting.to(failed)
        # From somewhere, because the library refuses a state that nothing leads to.
        expire = created.to(expired) if "expire" in without else ready.to(expired)
        if "abandon" not in without:
            abandon = ready.to(abandoned) | counting.to(abandoned)
        else:
            give_up = ready.to(abandoned)

        def remember(self, payload: object) -> None:
            self.transition.keep_result(value=payload)

        @classmethod
        def waiting_outcome(cls, context: FlowContext) -> Outcome:
            if not_described is not None:
                raise not_described
            return cls.describe(Waits, context.transaction)

    return Toy


@dataclass
class Toyland:
    """An engine for one toy, and one transaction of it that is ready to go."""

    machine: type[FlowMachine]
    counter: Counter
    clock: Clock
    store: TransactionStore = field(default_factory=DjangoTransactionStore)
    person: Person = field(default_factory=Person)
    others: Sequence[type[FlowMachine]] = ()
    observer: Observer = NULL_OBSERVER

    def __post_init__(self) -> None:
        self.engine = self.engine_with(self.machine)
        self.id: Any = self.engine.start(KIND, {}, self.person).transaction_id

    def engine_with(self, machine: type[FlowMachine], **policy: Any) -> Engine:
        """Return the engine of another release, whose machine is this one."""
        return Engine(
            flows=FlowRegistry(machine),
            store=self.store,
            services=wiring.services,
            clock=self.clock,
            policy=EnginePolicy(**policy),
            observer=self.observer,
        )

    def go(self, person: Person | None = None) -> Outcome:
        return self.engine.dispatch(self.id, Event("go"), person or self.person, kind=KIND)


def refuse(context: EffectContext) -> None:
    """What a local effect does that says no."""
    raise AccountRefused("account_inactive")
