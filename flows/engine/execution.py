"""The second and third step of every dispatch: run the effect, settle what came of it.

And what to do when nothing came.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.flows.engine.context import EffectContext, FlowContext
from stateful_oauth.flows.engine.crash_points import reached
from stateful_oauth.flows.engine.creation import child_transaction
from stateful_oauth.flows.engine.effects import Effect, Event, LostAnswer
from stateful_oauth.flows.engine.errors import (
    AnswerLost,
    FenceLost,
    FlowError,
    RateLimited,
    ServiceUnreachable,
    StoreUnavailable,
)
from stateful_oauth.flows.engine.handing_over import called
from stateful_oauth.flows.engine.outcomes import HandedOver, Outcome, Rejected
from stateful_oauth.flows.engine.run import LocalRefusal, Run, Settled
from stateful_oauth.flows.engine.transition import TransitionContext

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.admission import Admission
    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.flows.engine.handing_over import Answer, Background
    from stateful_oauth.flows.engine.observers import Observer
    from stateful_oauth.flows.engine.ports import Caller, Clock, TransactionStore
    from stateful_oauth.flows.engine.registry import FlowRegistry
    from stateful_oauth.flows.engine.transaction import Transaction

logger = logging.getLogger("stateful_oauth.engine")

# Of an effect that must complete: the second attempt follows at once, because a browser may be waiting; then
# the pauses double.
_FIRST_PAUSE: Final = 5.0  # seconds
_LONGEST_PAUSE: Final = 600.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """Moves transactions that were found and judged. One instance serves all threads.

    Attributes:
        services: Returns services by their type and a tenant's alias.
        admission: Holds back effects of a service that is slow or fails.
        background: Where effects go on that take longer than a request should.
        deadlines: Seconds by `kind.state`, over the machines' own.
    """

    flows: FlowRegistry
    store: TransactionStore
    services: Callable[[type[Any], str], Any]
    clock: Clock
    observer: Observer
    deadlines: Mapping[str, float]
    admission: Admission
    background: Background

    def run_of(self, flow: FlowDefinition, caller: Caller, tenant: str) -> Run:
        """Return what moves a transaction of this flow.

        Raises:
            KeyError: There is no such tenant.
        """
        wanted = flow.machine.services
        return Run(flow, caller, None if wanted is None else self.services(wanted, tenant))

    def context(self, run: Run, transaction: Transaction) -> FlowContext[Any]:
        """Return what the flow's hooks get."""
        return FlowContext(transaction, run.services, run.caller, self.clock)

    def transition(self, run: Run, transaction: Transaction, event: Event | None = None) -> TransitionContext:
        """Put a transaction on its way, and have it take an event.

        Raises:
            EventNotAllowed: The machine takes no such event here.
        """
        transition = TransitionContext(
            transaction, now=self.clock.now(), actor=run.caller.actor, deadlines=self.deadlines
        )
        if event is not None:
            run.flow.take(transition, event)
        return transition

    def outcome(self, run: Run, transaction: Transaction) -> Outcome:
        """Return what the transaction's state means."""
        return run.flow.machine.outcome(self.context(run, transaction))

    def replayed(self, run: Run, transaction: Transaction) -> Outcome:
        """Return what a state means to a caller that did not bring it about.

        One that handed over to another transaction means what that one says.
        """
        outcome = self.outcome(run, transaction)
        if isinstance(outcome, HandedOver):
            child = self.store.load(outcome.child_id)
            if child is not None:
                flow, child = self.flows.current(child)
                return self.replayed(self.run_of(flow, run.caller, child.tenant), child)
        return replace(outcome, replayed=True)

    def admitted(self, run: Run, transaction: Transaction, effect: Effect | None) -> Run:
        """Return a run whose `slot` is room for an operation that begins with this effect.

        Raises:
            Overloaded: There is none. Nothing was claimed.
        """
        return replace(run, slot=self.admission.enter(transaction.tenant, effect))

    def claim(self, run: Run, transition: TransitionContext, event: Event) -> Settled:
        """Commit a transition by `event`: from here on the row belongs to this caller.

        The database transaction is short and does nothing but write, because other deliveries of the same
        event wait for its row lock. Whether this one is the winner is decided by the fence in `save`.

        Raises:
            FenceLost: Another worker moved the row since it was read.
        """
        with self.observer.span("claim", transition.transaction, event.name), self.store.transaction():
            self._save(run, transition)
            outcome = self._tell(run, transition)
            reached("claim.before_commit", event.name)
        run.received.clear()
        reached("claim.after_commit", event.name)
        self._observe(transition)
        return Settled(run, transition, outcome)

    def settle(self, run: Run, row: Transaction, event: Event) -> Outcome:
        """Commit an event of a browser or an operator that leads to a local effect, with that effect.

        There is nothing to claim the row for: no other service is asked.

        Raises:
            FenceLost: Another worker moved the row since it was read.
        """
        settled = self._settle(run, row, event)
        if settled is None:
            raise FenceLost
        return self.go_on(settled, event.payload)

    def go_on(
        self, settled: Settled, payload: Any, *, reread: bool = False, answer: Answer | None = None
    ) -> Outcome:
        """Run effects and settle them, until the transaction waits or is over.

        Args:
            payload: Of the event that was claimed.
            reread: Ask what happened to an earlier attempt instead of making a new one.
            answer: Of the first effect, if its request did not wait for it.
        """
        while (pending := settled.transition.effect) is not None:
            run, claimed = settled.run, settled.transition.transaction
            try:
                event = self._event_of(settled, pending, payload, reread=reread, answer=answer)
                if isinstance(event, Outcome):
                    return event
                found = self._settle(run, claimed, event)
                if found is None:
                    return self._dropped(run, claimed, pending)
            except StoreUnavailable:
                self._end_received(run, claimed, pending)
                raise
            settled, payload, reread, answer = found, event.payload, False, None
        return settled.outcome or self.outcome(settled.run, settled.transition.transaction)

    def _end_received(self, run: Run, claimed: Transaction, effect: Effect) -> None:
        """End a row whose effect was handed what is kept nowhere else, if the database answers again.

        Recovery would find nothing of it. The fence decides whether the settlement was committed after all.
        """
        if run.received and not effect.may_repeat:
            with suppress(FlowError):
                if self._settle(run, claimed, Event("fail", code=effect.lost_code)) is None:
                    self._let_go(run, claimed)

    def _event_of(
        self, settled: Settled, pending: Effect, payload: Any, *, reread: bool, answer: Answer | None
    ) -> Event | Outcome:
        """Run an effect; return the event to settle with, or the outcome where there is nothing to settle."""
        run, claimed = settled.run, settled.transition.transaction
        context = EffectContext(
            claimed, run.services, run.caller, self.clock, payload, pending.time_limit, run.received
        )
        try:
            with self.observer.span("effect", claimed, pending.name):
                if answer is None:
                    reached("effect.before", pending.name)
                    self.store.release()
                    call = partial(pending.event, context, reread=reread)
                    answer = called(self.background, settled, call, partial(self.go_on, payload=payload))
                if answer is None:
                    return self.outcome(run, claimed)
                event = answer()
                reached("effect.after", pending.name)
                self.admission.note(claimed.tenant, pending, None)
                return event
        except StoreUnavailable:
            # Our own database says nothing about what happened elsewhere: left to recovery.
            raise
        except FlowError as error:
            self.admission.note(claimed.tenant, pending, error)
            return self._after_error(run, claimed, pending, error)
        except Exception:
            # A repetition would make the same mistake: the row must not be left working for it.
            self._fail(run, claimed)
            raise

    def _after_error(
        self, run: Run, claimed: Transaction, effect: Effect, error: FlowError
    ) -> Event | Outcome:
        must = effect.must_complete
        if isinstance(error, RateLimited) and error.retry_at and (must or effect.waits_for_rate_limit):
            # A busy service does not use up the attempts of an effect that must complete.
            return self._postpone(run, claimed, error.code, error.retry_at, counts=not must)
        if isinstance(error, AnswerLost) or (must and isinstance(error, (RateLimited, ServiceUnreachable))):
            return self._no_answer(run, claimed, effect, error)
        return run.failure(claimed, error)

    def lost(self, run: Run, claimed: Transaction, effect: Effect, error: FlowError) -> Outcome:
        """Do what the effect declares for an answer that never came, or a worker that never came back."""
        may_repeat, machine = effect.may_repeat, run.flow.machine
        limit = machine.held_until(claimed)
        if limit is not None and limit <= self.clock.now() and not effect.must_complete:
            may_repeat, error = False, FlowError(machine.held_code, "It waited for too long.")
        if may_repeat and claimed.stuck_since is None and claimed.attempts >= effect.max_attempts:
            if effect.must_complete:
                return self._leave_to_an_operator(run, claimed)
            may_repeat = False
        if not may_repeat:
            settled = self._settle(run, claimed, Event("fail", error, effect.code_of(error)))
            return self._dropped(run, claimed, effect) if settled is None else self.go_on(settled, error)
        # What was never begun, as the rows that others start, has no lost answer behind it.
        event = Event("retry", code=effect.code_of(error) if claimed.attempts else "")
        transition = self.transition(run, claimed, event)
        if claimed.stuck_since is not None:
            transition.start_over()
        try:
            settled = self.claim(run, transition, event)
        except FenceLost:
            return self._dropped(run, claimed, effect)
        return self.go_on(settled, None, reread=effect.lost_answer is LostAnswer.REREAD)

    def _no_answer(self, run: Run, claimed: Transaction, effect: Effect, error: FlowError) -> Outcome:
        """Try again now, or where the effect must complete and that was done already, after a pause."""
        if not effect.must_complete or not 1 < claimed.attempts < effect.max_attempts:
            return self.lost(run, claimed, effect, error)
        pause = min(_FIRST_PAUSE * 2 ** (claimed.attempts - 2), _LONGEST_PAUSE)
        until = self.clock.now() + timedelta(seconds=pause)
        return self._postpone(run, claimed, effect.code_of(error), until)

    def _settle(self, run: Run, claimed: Transaction, event: Event) -> Settled | None:
        """Settle an event and the local effects that follow from it, or their refusal.

        Returns:
            What was committed, or None when the fence was lost.
        """
        refusals: dict[Effect, FlowError] = {}
        refused = False
        while True:
            try:
                return self._settle_once(run, claimed, event, refusals)
            except FenceLost:
                unbound = self._unbound(claimed)
                if unbound is None:
                    return None
                claimed = unbound
            except StoreUnavailable:
                raise
            except LocalRefusal as refusal:
                # What the local effect had written is rolled back with it; the refusal is settled instead,
                # and where that leads on to another local effect, that one may refuse as well.
                refusals[refusal.effect] = refusal.error
            except FlowError as error:
                if refused:
                    self._fail(run, claimed)
                    raise
                event, refused = run.failure(claimed, error), True
            except Exception:
                self._fail(run, claimed)
                raise

    def _unbound(self, claimed: Transaction) -> Transaction | None:
        """Return the row without its browser, if that signed out since and nothing else has moved the row.

        The effect's result is then persisted, and signs the user in nowhere.
        """
        row = None if claimed.is_unbound else self.store.load(claimed.id)
        if row is None or row.version != claimed.version or not row.is_unbound:
            return None
        logger.warning(
            "transaction %s: the user signed out while %s was in flight", claimed.id, claimed.state
        )
        return claimed.evolve(browser=row.browser)

    def _settle_once(
        self, run: Run, claimed: Transaction, event: Event, refusals: Mapping[Effect, FlowError]
    ) -> Settled:
        """Write the new state and everything that it means in one database transaction.

        The fence comes last, so that the rows which a local effect needs to decide are read once. When it
        fails the whole transaction is rolled back: what a late worker found out is as if it never was.
        """
        name = event.name
        with self.observer.span("settle", claimed, name), self.store.transaction():
            transition = self.transition(run, claimed, event)
            while (local := transition.effect) is not None and local.is_local:
                if local in refusals:
                    event = run.failure(transition.transaction, refusals[local])
                else:
                    event = self._run_local(run, transition.transaction, local, event.payload)
                run.flow.take(transition, event)
            self._save(run, transition)
            child = self._open_child(run, transition)
            outcome = self._tell(run, transition)
            reached("settle.before_commit", name)
        run.received.clear()
        reached("settle.after_commit", name)
        self._observe(transition)
        if child is None:
            return Settled(run, transition, outcome)
        self._observe(child.transition)
        return child

    def _open_child(self, run: Run, parent: TransitionContext) -> Settled | None:
        """Create the transaction that a transition opens with it, so that neither is there alone."""
        child = parent.child
        if child is None:
            return None
        opened = self.run_of(self.flows[child.kind], run.caller, parent.transaction.tenant)
        run = replace(opened, slot=run.slot, since=run.since)
        created = child_transaction(run.flow, child, parent.transaction, now=self.clock.now())
        transition = self.transition(run, created, child.event)
        self.store.create(transition.transaction, transition.log)
        return Settled(run, transition)

    def _run_local(self, run: Run, transaction: Transaction, local: Effect, payload: Any) -> Event:
        try:
            context = EffectContext(transaction, run.services, run.caller, self.clock, payload, 0)
            return local.event(context)
        except StoreUnavailable:
            raise
        except FlowError as error:
            raise LocalRefusal(local, error) from error

    def _save(self, run: Run, transition: TransitionContext) -> None:
        moved, seen = transition.transaction, transition.before.version
        domain_events = [*transition.domain_events, *run.let_go(transition)]
        if not self.store.save(moved, transition.log, domain_events, seen=seen):
            raise FenceLost

    def _let_go(self, run: Run, row: Transaction) -> None:
        """Record what an effect was handed, if its result came too late to move the row."""
        if run.received:
            with self.store.transaction():
                self.store.record(row, run.let_go(self.transition(run, row)))
            run.received.clear()

    def _tell(self, run: Run, transition: TransitionContext) -> Outcome | None:
        """Tell the caller what came of a transaction that is over."""
        if not transition.transaction.is_final or transition.transaction.is_unbound:
            return None
        outcome = self.outcome(run, transition.transaction)
        run.caller.settled(outcome)
        return outcome

    def _observe(self, transition: TransitionContext) -> None:
        self.observer.transitioned(transition.before, transition.transaction, transition.log)

    def _postpone(
        self, run: Run, claimed: Transaction, code: str, until: datetime, *, counts: bool = True
    ) -> Outcome:
        """Keep the transaction working, and due again at `until`.

        Args:
            counts: Whether the attempt that was just made is one of the effect's `max_attempts`.
        """
        limit, pending = run.flow.machine.held_until(claimed), run.flow.effect_in(claimed.state)
        if limit is not None and pending is not None and not pending.must_complete:
            until = min(until, limit)
        event = Event("retry", code=code)
        transition = self.transition(run, claimed, event)
        transition.postpone(until, attempts=claimed.attempts if counts else claimed.attempts - 1)
        return self._keep_working(run, transition, event)

    def _leave_to_an_operator(self, run: Run, claimed: Transaction) -> Outcome:
        """Keep the transaction working, and out of the sweeps: what happened must not be forgotten."""
        event = Event("retry", code="recovery_exhausted")
        transition = self.transition(run, claimed, event)
        transition.leave_to_an_operator()
        logger.error("transaction %s is stuck in %s: an operator has to look", claimed.id, claimed.state)
        return self._keep_working(run, transition, event)

    def _keep_working(self, run: Run, transition: TransitionContext, event: Event) -> Outcome:
        with suppress(FenceLost):
            self.claim(run, transition, event)
        self._let_go(run, transition.before)
        return self.outcome(run, transition.transaction)

    def _fail(self, run: Run, claimed: Transaction) -> None:
        """End a row whose effect or settlement broke in a way that was not expected.

        The caller gets the exception, and is told nothing: it may be what broke.
        """
        event = Event("fail", code="internal_error")
        with suppress(FlowError):
            with self.store.transaction():
                transition = self.transition(run, claimed, event)
                while transition.effect is not None:
                    # Where a failure leads on to a local effect, that one may be what broke.
                    run.flow.take(transition, event)
                self._save(run, transition)
            run.received.clear()
            self._observe(transition)
        with suppress(FlowError):
            self._let_go(run, claimed)

    def _dropped(self, run: Run, claimed: Transaction, effect: Effect) -> Outcome:
        logger.warning("transaction %s: a late result of %s was dropped", claimed.id, effect.name)
        self._let_go(run, claimed)
        row = self.store.load(claimed.id)
        if row is None:
            return Rejected(code="transaction_unknown")
        # The worker that moved the row told its own caller what came of it, and not this one: like a late
        # delivery. It may run a newer release, with a state that this one does not know.
        return self.replayed(run, run.flow.current(row))
