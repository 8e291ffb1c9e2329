"""A small flow that opens another one: what a birth is, without OAuth around it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.context import EffectContext, FlowContext
from stateful_oauth.flows.engine.effects import Event, LostAnswer, effect
from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.flows.engine.inputs import FlowInputs
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import Abandoned, Expired, Failed, HandedOver, Outcome
from stateful_oauth.flows.engine.ports import Clock
from stateful_oauth.flows.engine.registry import FlowRegistry
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.engine.transaction import Transaction
from stateful_oauth.flows.engine.transition import ChildTransaction
from tests.support.callers import Person
from tests.support.engines import engine_with
from tests.support.toy import Counter, Finished, Waits

PARENT, CHILD = "tests.parent", "tests.child"


def make_family(counter: Counter, *, child_version: int = 1) -> tuple[type[FlowMachine], type[FlowMachine]]:
    """Return a parent, ready → bearing → handed_over, and its child, growing → keeping → grown_up.

    The parent may also stay: ready → keeping → stayed.
    """
    chosen_version = child_version

    def bear(context: EffectContext) -> Event:
        return Event("born", counter.value)

    def grow(context: EffectContext) -> Event:
        return Event("grown", counter.count(context).payload)

    def keep(context: EffectContext) -> Event:
        counter.keeps(context)
        return Event("kept", context.payload)

    run_bear, run_grow, run_keep = bear, grow, keep

    class Parent(FlowMachine):
        kind = PARENT
        version = 1
        browser_events = ("go", "stay")

        created = WaitingState(initial=True)
        ready = WaitingState(deadline=60)
        bearing = WorkingState()
        keeping = WorkingState()
        stayed = FinalState(Finished)
        handed_over = FinalState(HandedOver)
        failed = FinalState(Failed)
        expired = FinalState(Expired)

        bear = effect(
            run_bear, produces=("born", "fail"), time_limit=5, lost_answer=LostAnswer.REPEAT, max_attempts=3
        )

        keep = effect(run_keep, produces=("kept", "fail"), time_limit=0, lost_answer=LostAnswer.LOCAL)

        start = created.to(ready)
        go = ready.to(bearing, on="bear")
        born = bearing.to(handed_over, on="open_child")
        # What a browser sends, and nobody else is asked about.
        stay = ready.to(keeping, on="keep")
        kept = keeping.to(stayed)
        fail = created.to(failed) | bearing.to(failed) | keeping.to(failed)
        retry = bearing.to.itself(on="bear")
        expire = ready.to(expired)

        def open_child(self) -> None:
            child = ChildTransaction(
                id=identifiers.new_transaction_id(self.transition.now),
                kind=CHILD,
                event=Event("start"),
                inputs=FlowInputs(next="/child/"),
                secrets={"name": Secret("the child's name")},
            )
            self.transition.open(child)
            self.transition.keep_result(child=str(child.id))

        @classmethod
        def waiting_outcome(cls, context: FlowContext) -> Outcome:
            return cls.describe(Waits, context.transaction)

        @classmethod
        def describe(cls, outcome: type[Outcome], transaction: Transaction, **fields: Any) -> Outcome:
            if outcome is HandedOver:
                fields["child_id"] = uuid.UUID(transaction.result["child"])
            return super().describe(outcome, transaction, **fields)

    class Growing(FlowMachine):
        kind = CHILD
        version = chosen_version
        browser_events = ()

        created = WaitingState(initial=True)
        growing = WorkingState()
        keeping = WorkingState()
        grown_up = FinalState(Finished)
        failed = FinalState(Failed)
        abandoned = FinalState(Abandoned)

        grow = effect(
            run_grow, produces=("grown", "fail"), time_limit=5, lost_answer=LostAnswer.REPEAT, max_attempts=3
        )
        keep = effect(run_keep, produces=("kept", "fail"), time_limit=0, lost_answer=LostAnswer.LOCAL)

        start = created.to(growing, on="grow")
        grown = growing.to(keeping, on="keep")
        kept = keeping.to(grown_up)
        # A failure that goes on with a local effect, as where a sign-in that cannot be linked is finished.
        fail = growing.to(keeping, on="keep") | keeping.to(failed)
        retry = growing.to.itself(on="grow")
        abandon = growing.to(abandoned)

    return Parent, Growing


@dataclass
class Family:
    """An engine for both, and a parent that is ready to go."""

    clock: Clock
    counter: Counter = field(default_factory=Counter)
    person: Person = field(default_factory=Person)

    def __post_init__(self) -> None:
        self.engine = self.engine_of(*make_family(self.counter))
        self.id: Any = self.engine.start(PARENT, {}, self.person).transaction_id

    def engine_of(self, *machines: type[FlowMachine]) -> Engine:
        """Return the engine of a release with these machines."""
        return engine_with(flows=FlowRegistry(*machines), clock=self.clock)

    def go(self, person: Person | None = None) -> Outcome:
        return self.engine.dispatch(self.id, Event("go"), person or self.person, kind=PARENT)

    def stay(self, person: Person | None = None) -> Outcome:
        return self.engine.dispatch(self.id, Event("stay"), person or self.person, kind=PARENT)
