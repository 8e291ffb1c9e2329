"""The second and third step of every dispatch: run the effect, settle what came of it.

And what to do when nothing came.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.flows.engine.context import EffectContext
from stateful_oauth.flows.engine.crash_points import reached
from stateful_oauth.flows.engine.creation import new_transaction
from stateful_oauth.flows.engine.effects import Effect, Event, LostAnswer
from stateful_oauth.flows.engine.errors import AnswerLost, FenceLost, FlowError, RateLimited, StoreUnavailable
from stateful_oauth.flows.engine.observers import NULL_OBSERVER
from stateful_oauth.flows.engine.outcomes import HandedOver, Outcome, Rejected
from stateful_oauth.flows.oauth.errors import ProviderUnreachable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.definition import FlowDefinition, Walk
    from stateful_oauth.flows.engine.observers import Observer
    from stateful_oauth.flows.engine.ports import Caller, Clock, TransactionStore
    from stateful_oauth.flows.engine.registry import FlowRegistry
    from stateful_oauth.flows.engine.transaction import Transaction
    from stateful_oauth.flows.oauth.access_tokens import AccessTokens
    from stateful_oauth.flows.oauth.ports import AccountDirectory, Provider

logger = logging.getLogger("stateful_oauth.engine")

# Of an effect that insists: the second attempt follows at once, because a browser may be waiting; then
# the pauses double.
_FIRST_PAUSE: Final = 5.0  # seconds
_LONGEST_PAUSE: Final = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Run:
    """Which machine moves, on whose behalf, and against which provider."""

    flow: FlowDefinition
    caller: Caller
    provider: Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What every run has in common."""

    store: TransactionStore
    clock: Clock
    tokens: AccessTokens
    accounts: AccountDirectory
    observer: Observer = NULL_OBSERVER


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement committed.

    Attributes:
        child: The first step of the transaction that it opened, and on whose behalf that goes on; or None.
    """

    walk: Walk
    child: tuple[Run, Walk] | None = None


class Execution:
    """Commits walks, runs effects and settles them."""

    def __init__(self, flows: FlowRegistry, ports: Ports, deadlines: Mapping[str, float]) -> None:
        self._flows, self._ports, self._deadlines = flows, ports, deadlines
        self._store, self._clock, self._observer = ports.store, ports.clock, ports.observer

    def walk(self, run: Run, transaction: Transaction) -> Walk:
        """Put the machine on the transaction's state."""
        return run.flow.walk(
            transaction, now=self._clock.now(), actor=run.caller.actor, deadlines=self._deadlines
        )

    def outcome(self, run: Run, transaction: Transaction) -> Outcome:
        """Return what the transaction's state means."""
        return run.flow.machine.outcome(transaction, run.provider)

    def replayed(self, run: Run, transaction: Transaction) -> Outcome:
        """Return what a state means to somebody who did not bring it about.

        One that handed over to another transaction means what that one says.
        """
        outcome = self.outcome(run, transaction)
        if isinstance(outcome, HandedOver):
            child = self._store.load(outcome.child_id)
            if child is not None:
                flow, child = self._flows.current(child)
                return self.replayed(replace(run, flow=flow), child)
        return replace(outcome, replayed=True)

    def claim(self, run: Run, walk: Walk, event: Event) -> None:
        """Commit a walk that has taken `event`: from here on the row belongs to this caller.

        The database transaction is short and does nothing but write, because other deliveries of the same
        event wait for its row lock. Whether this one is the winner is decided by the fence in `save`.

        Raises:
            FenceLost: Somebody else moved the row since it was read.
        """
        with self._observer.span("claim", walk.transaction, event.name), self._store.transaction():
            self._save(walk)
            self._tell(run, walk)
            reached("claim.before_commit", event.name)
        reached("claim.after_commit", event.name)
        self._observer.transitioned(walk.before, walk.transaction, walk.log)

    def settle(self, run: Run, row: Transaction, event: Event) -> Outcome:
        """Commit an event of a browser or an operator that leads to a local effect, with that effect.

        There is nothing to claim the row for: nobody else is asked.

        Raises:
            FenceLost: Somebody else moved the row since it was read.
        """
        settled = self._settle(run, row, event)
        if settled is None:
            raise FenceLost
        run, row, pending = self._after(run, settled)
        return self.outcome(run, row) if pending is None else self.work(run, row, pending, event.payload)

    def work(
        self, run: Run, claimed: Transaction, effect: Effect, payload: Any, *, reread: bool = False
    ) -> Outcome:
        """Run effects and settle them, until the transaction waits or is over.

        Args:
            claimed: The row as the claim committed it.
            reread: Ask what happened to an earlier attempt instead of making a new one.
        """
        pending: Effect | None = effect
        while pending is not None:
            context = self._context(run, claimed, payload, pending.time_limit)
            try:
                with self._observer.span("effect", claimed, pending.name):
                    reached("effect.before", pending.name)
                    event = pending.event(context, reread=reread)
                    reached("effect.after", pending.name)
            except AnswerLost as error:
                return self._no_answer(run, claimed, pending, error)
            except RateLimited as error:
                if error.retry_at is not None and (pending.waits_for_rate_limit or pending.must_complete):
                    # Whoever insists is not worn down by a provider that is busy.
                    return self._postpone(
                        run, claimed, error, error.retry_at, counts=not pending.must_complete
                    )
                if pending.must_complete:
                    return self._no_answer(run, claimed, pending, error)
                event = _failure(run, claimed, error)
            except ProviderUnreachable as error:
                if pending.must_complete:
                    return self._no_answer(run, claimed, pending, error)
                event = _failure(run, claimed, error)
            except StoreUnavailable:
                # Our own database says nothing about what happened at the provider: left to recovery.
                raise
            except FlowError as error:
                event = _failure(run, claimed, error)
            except Exception:
                # A repetition would make the same mistake: the row must not be left working for it.
                self._give_up(run, claimed)
                raise
            settled = self._settle(run, claimed, event)
            if settled is None:
                return self._dropped(run, claimed, pending)
            run, claimed, pending = self._after(run, settled)
            payload, reread = event.payload, False
        return self.outcome(run, claimed)

    def lost(self, run: Run, claimed: Transaction, effect: Effect, error: FlowError) -> Outcome:
        """Do what the effect declares for an answer that never came, or a worker that never came back."""
        repeatable = effect.lost_answer in (LostAnswer.REPEAT, LostAnswer.REREAD)
        limit = run.flow.machine.held_until(claimed)
        if limit is not None and limit <= self._clock.now() and not effect.must_complete:
            repeatable, error = False, FlowError("sign_in_held_too_long", "It waited for too long.")
        if repeatable and claimed.stuck_since is None and claimed.attempts >= effect.max_attempts:
            if effect.must_complete:
                return self._leave_to_an_operator(run, claimed)
            repeatable = False
        if not repeatable:
            code = effect.lost_code if error.code == AnswerLost.CODE else error.code
            settled = self._settle(run, claimed, Event("fail", error, code))
            if settled is None:
                return self._dropped(run, claimed, effect)
            run, claimed, pending = self._after(run, settled)
            return self.outcome(run, claimed) if pending is None else self.work(run, claimed, pending, error)
        walk = self.walk(run, claimed)
        event = Event("retry", code=error.code)
        walk.take(event)
        if claimed.stuck_since is not None:
            walk.start_over()
        try:
            self.claim(run, walk, event)
        except FenceLost:
            return self._dropped(run, claimed, effect)
        return self.work(run, walk.transaction, effect, None, reread=effect.lost_answer is LostAnswer.REREAD)

    def _no_answer(self, run: Run, claimed: Transaction, effect: Effect, error: FlowError) -> Outcome:
        """Try again now, or where the effect insists and that was done already, after a pause."""
        if not effect.must_complete or not 1 < claimed.attempts < effect.max_attempts:
            return self.lost(run, claimed, effect, error)
        pause = min(_FIRST_PAUSE * 2 ** (claimed.attempts - 2), _LONGEST_PAUSE)
        return self._postpone(run, claimed, error, self._clock.now() + timedelta(seconds=pause))

    def _after(self, run: Run, settled: Settled) -> tuple[Run, Transaction, Effect | None]:
        """Return with which transaction, and with which effect of it, the work goes on."""
        if settled.child is None:
            return run, settled.walk.transaction, settled.walk.effect
        run, walk = settled.child
        return run, walk.transaction, walk.effect

    def _context(self, run: Run, transaction: Transaction, payload: Any, time_limit: float) -> EffectContext:
        return EffectContext(
            transaction=transaction,
            payload=payload,
            provider=run.provider,
            caller=run.caller,
            clock=self._clock,
            tokens=self._ports.tokens,
            accounts=self._ports.accounts,
            call_limit=time_limit,
        )

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
            except _LocalRefusal as refusal:
                # What the local effect had written is rolled back with it; the refusal is settled instead,
                # and where that leads on to another local effect, that one may refuse as well.
                refusals[refusal.effect] = refusal.error
            except FlowError as error:
                if refused:
                    self._give_up(run, claimed)
                    raise
                event, refused = _failure(run, claimed, error), True
            except Exception:
                self._give_up(run, claimed)
                raise

    def _unbound(self, claimed: Transaction) -> Transaction | None:
        """Return the row without its browser, if that signed out since and nothing else has moved the row.

        What came of the effect is kept then, and signs no one in.
        """
        row = None if claimed.is_unbound else self._store.load(claimed.id)
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
        step = event.name
        with self._observer.span("settle", claimed, step), self._store.transaction():
            walk = self.walk(run, claimed)
            walk.take(event)
            while walk.effect is not None and walk.effect.is_local:
                if walk.effect in refusals:
                    event = _failure(run, walk.transaction, refusals[walk.effect])
                else:
                    event = self._run_local(run, walk, walk.effect, event.payload)
                walk.take(event)
            self._save(walk)
            child = self._open_child(run, walk)
            self._tell(run, walk)
            reached("settle.before_commit", step)
        reached("settle.after_commit", step)
        self._observer.transitioned(walk.before, walk.transaction, walk.log)
        if child is not None:
            _, born = child
            self._observer.transitioned(born.before, born.transaction, born.log)
        return Settled(walk, child)

    def _open_child(self, run: Run, parent: Walk) -> tuple[Run, Walk] | None:
        """Let the transaction that a step opens be born with it, so that neither is there alone."""
        child = parent.child
        if child is None:
            return None
        run = replace(run, flow=self._flows[child.kind])
        now, above = self._clock.now(), parent.transaction
        born = new_transaction(
            run.flow,
            tenant=above.tenant,
            browser=above.browser,
            now=now,
            inputs=child.inputs,
            secrets=child.secrets,
            user_id=child.user_id,
            transaction_id=child.id,
        )
        walk = self.walk(run, born)
        walk.take(child.event)
        self._store.create(walk.transaction, walk.log)
        return run, walk

    def _run_local(self, run: Run, walk: Walk, local: Effect, payload: Any) -> Event:
        try:
            return local.event(self._context(run, walk.transaction, payload, 0))
        except StoreUnavailable:
            raise
        except FlowError as error:
            raise _LocalRefusal(local, error) from error

    def _save(self, walk: Walk) -> None:
        if not self._store.save(walk.transaction, walk.log, walk.domain_events, seen=walk.seen):
            raise FenceLost

    def _tell(self, run: Run, walk: Walk) -> None:
        if walk.transaction.is_final and not walk.transaction.is_unbound:
            run.caller.settled(self.outcome(run, walk.transaction))

    def _postpone(
        self, run: Run, claimed: Transaction, error: FlowError, until: datetime, *, counts: bool = True
    ) -> Outcome:
        """Keep the transaction working, and due again at `until`.

        Args:
            counts: Whether the attempt that was just made is one of the effect's `max_attempts`.
        """
        limit = run.flow.machine.held_until(claimed)
        pending = run.flow.effect_in(claimed.state)
        if limit is not None and pending is not None and not pending.must_complete:
            until = min(until, limit)
        walk = self.walk(run, claimed)
        event = Event("retry", code=error.code)
        walk.take(event)
        walk.postpone(until, attempts=claimed.attempts if counts else claimed.attempts - 1)
        with suppress(FenceLost):
            self.claim(run, walk, event)
        return self.outcome(run, walk.transaction)

    def _leave_to_an_operator(self, run: Run, claimed: Transaction) -> Outcome:
        """Keep the transaction working, and out of the sweeps: what happened must not be forgotten."""
        walk = self.walk(run, claimed)
        event = Event("retry", code="recovery_exhausted")
        walk.take(event)
        walk.leave_to_an_operator()
        logger.error("transaction %s is stuck in %s: an operator has to look", claimed.id, claimed.state)
        with suppress(FenceLost):
            self.claim(run, walk, event)
        return self.outcome(run, walk.transaction)

    def _give_up(self, run: Run, claimed: Transaction) -> None:
        """End a row whose effect or settlement broke in a way that nobody expected.

        The caller gets the exception, and is told nothing: it may be what broke.
        """
        with suppress(FlowError):
            with self._store.transaction():
                walk = self.walk(run, claimed)
                walk.take(Event("fail", code="internal_error"))
                while walk.effect is not None:
                    # Where a failure leads on to a local effect, that one may be what broke.
                    walk.take(Event("fail", code="internal_error"))
                self._save(walk)
            self._observer.transitioned(walk.before, walk.transaction, walk.log)

    def _dropped(self, run: Run, claimed: Transaction, effect: Effect) -> Outcome:
        logger.warning("transaction %s: a late result of %s was dropped", claimed.id, effect.name)
        row = self._store.load(claimed.id)
        if row is None:
            return Rejected(code="transaction_unknown")
        # Whoever moved the row was told what came of it, and this caller was not: like a late delivery. That
        # may have been a newer release, with a state that this one does not know.
        return self.replayed(run, run.flow.current(row))


class _LocalRefusal(Exception):
    """A local effect said no, inside the settle transaction."""

    def __init__(self, effect: Effect, error: FlowError) -> None:
        super().__init__(effect.name, error.code)
        self.effect, self.error = effect, error


def _failure(run: Run, transaction: Transaction, error: FlowError) -> Event:
    """Return the event that an error means here: its own, or `fail` where the machine has no such edge."""
    name = error.event if run.flow.allows(transaction.state, error.event) else "fail"
    return Event(name, error, error.code)
