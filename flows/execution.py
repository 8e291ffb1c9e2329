"""The second and third step of every dispatch: run the effect, settle what came of it.

And what to do when nothing came.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.crash_points import reached
from stateful_oauth.flows.effects import Effect, EffectContext, Event, LostAnswer
from stateful_oauth.flows.errors import AnswerLost, FenceLost, FlowError, RateLimited, StoreUnavailable
from stateful_oauth.flows.outcomes import Outcome, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.flows.definition import FlowDefinition, Walk
    from stateful_oauth.flows.ports import Caller, Clock, Provider, TransactionStore
    from stateful_oauth.flows.transaction import Transaction

logger = logging.getLogger("stateful_oauth.engine")


@dataclass(frozen=True, slots=True)
class Run:
    """Which machine moves, on whose behalf, and against which provider."""

    flow: FlowDefinition
    caller: Caller
    provider: Provider


class Execution:
    """Commits walks, runs effects and settles them."""

    def __init__(self, store: TransactionStore, clock: Clock, deadlines: Mapping[str, float]) -> None:
        self._store, self._clock, self._deadlines = store, clock, deadlines

    def walk(self, run: Run, transaction: Transaction) -> Walk:
        """Put the machine on the transaction's state."""
        return run.flow.walk(
            transaction, now=self._clock.now(), actor=run.caller.actor, deadlines=self._deadlines
        )

    def outcome(self, run: Run, transaction: Transaction) -> Outcome:
        """Return what the transaction's state means."""
        return run.flow.machine.outcome(transaction, run.provider)

    def claim(self, run: Run, walk: Walk, event: Event) -> None:
        """Commit a walk that has taken `event`: from here on the row belongs to this caller.

        The database transaction is short and does nothing but write, because other deliveries of the same
        event wait for its row lock. Whether this one is the winner is decided by the fence in `save`.

        Raises:
            FenceLost: Somebody else moved the row since it was read.
        """
        with self._store.transaction():
            self._save(walk)
            self._tell(run, walk)
            reached("claim.before_commit", event.name)
        reached("claim.after_commit", event.name)

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
            context = EffectContext(
                claimed, payload, run.provider, run.caller, self._clock, pending.time_limit
            )
            does: Callable[[EffectContext], Event] = pending.run
            if reread and pending.reread is not None:
                does = pending.reread
            try:
                reached("effect.before", pending.name)
                event = does(context)
                reached("effect.after", pending.name)
            except AnswerLost as error:
                return self.lost(run, claimed, pending, error)
            except RateLimited as error:
                if pending.patient and error.retry_at is not None:
                    return self._postpone(run, claimed, error)
                event = _failure(run, claimed, error)
            except FlowError as error:
                event = _failure(run, claimed, error)
            except Exception:
                # A repetition would make the same mistake: the row must not be left working for it.
                self._give_up(run, claimed)
                raise
            settled = self._settle(run, claimed, event)
            if settled is None:
                return self._dropped(run, claimed, pending)
            claimed, pending, payload, reread = settled.transaction, settled.effect, event.payload, False
        return self.outcome(run, claimed)

    def lost(self, run: Run, claimed: Transaction, effect: Effect, error: AnswerLost) -> Outcome:
        """Do what the effect declares for an answer that never came, or a worker that never came back."""
        repeatable = effect.lost_answer in (LostAnswer.REPEAT, LostAnswer.REREAD)
        if not repeatable or claimed.attempts >= effect.max_attempts:
            code = effect.lost_code if error.code == AnswerLost.CODE else error.code
            settled = self._settle(run, claimed, Event("fail", error, code))
            return (
                self._dropped(run, claimed, effect)
                if settled is None
                else self.outcome(run, settled.transaction)
            )
        walk = self.walk(run, claimed)
        event = Event("retry", code=error.code)
        walk.take(event)
        try:
            self.claim(run, walk, event)
        except FenceLost:
            return self._dropped(run, claimed, effect)
        return self.work(run, walk.transaction, effect, None, reread=effect.lost_answer is LostAnswer.REREAD)

    def _settle(self, run: Run, claimed: Transaction, event: Event) -> Walk | None:
        """Settle an event and the local effects that follow from it, or their refusal.

        Returns:
            The walk, or None when the fence was lost.
        """
        try:
            return self._settle_once(run, claimed, event)
        except FenceLost:
            return None
        except StoreUnavailable:
            raise
        except _LocalRefusal as refusal:
            # What the local effect had written is rolled back with it; the refusal is settled instead.
            with suppress(FenceLost):
                return self._settle_once(run, claimed, event, refusal)
            return None
        except FlowError as error:
            with suppress(FenceLost):
                return self._settle_once(run, claimed, _failure(run, claimed, error))
            return None
        except Exception:
            self._give_up(run, claimed)
            raise

    def _settle_once(
        self, run: Run, claimed: Transaction, event: Event, refusal: _LocalRefusal | None = None
    ) -> Walk:
        """Write the new state and everything that it means in one database transaction.

        The fence comes last, so that the rows which a local effect needs to decide are read once. When it
        fails the whole transaction is rolled back: what a late worker found out is as if it never was.
        """
        step = event.name
        with self._store.transaction():
            walk = self.walk(run, claimed)
            walk.take(event)
            while walk.effect is not None and walk.effect.is_local:
                if refusal is not None and refusal.effect is walk.effect:
                    event = _failure(run, walk.transaction, refusal.error)
                else:
                    event = self._run_local(run, walk, walk.effect, event.payload)
                walk.take(event)
            self._save(walk)
            self._tell(run, walk)
            reached("settle.before_commit", step)
        reached("settle.after_commit", step)
        return walk

    def _run_local(self, run: Run, walk: Walk, local: Effect, payload: Any) -> Event:
        try:
            return local.run(
                EffectContext(walk.transaction, payload, run.provider, run.caller, self._clock, 0)
            )
        except StoreUnavailable:
            raise
        except FlowError as error:
            raise _LocalRefusal(local, error) from error

    def _save(self, walk: Walk) -> None:
        if not self._store.save(walk.transaction, walk.log, walk.facts, seen=walk.seen):
            raise FenceLost

    def _tell(self, run: Run, walk: Walk) -> None:
        if walk.transaction.is_final:
            run.caller.settled(self.outcome(run, walk.transaction))

    def _postpone(self, run: Run, claimed: Transaction, error: RateLimited) -> Outcome:
        """Keep the transaction working, and due when the provider takes requests again."""
        walk = self.walk(run, claimed)
        event = Event("retry", code=error.code)
        walk.take(event)
        assert error.retry_at is not None  # noqa: S101 - the caller checked
        walk.postpone(error.retry_at)
        with suppress(FenceLost):
            self.claim(run, walk, event)
        return self.outcome(run, walk.transaction)

    def _give_up(self, run: Run, claimed: Transaction) -> None:
        """End a row whose effect or settlement broke in a way that nobody expected.

        The caller gets the exception, and is told nothing: it may be what broke.
        """
        with suppress(FlowError), self._store.transaction():
            walk = self.walk(run, claimed)
            walk.take(Event("fail", code="internal_error"))
            self._save(walk)

    def _dropped(self, run: Run, claimed: Transaction, effect: Effect) -> Outcome:
        logger.warning("transaction %s: a late result of %s was dropped", claimed.id, effect.name)
        row = self._store.load(claimed.id)
        if row is None:
            return Rejected(code="transaction_unknown")
        # Whoever moved the row was told what came of it, and this caller was not: like a late delivery. That
        # may have been a newer release, with a state that this one does not know.
        return replace(self.outcome(run, run.flow.current(row)), replayed=True)


class _LocalRefusal(Exception):
    """A local effect said no, inside the settle transaction."""

    def __init__(self, effect: Effect, error: FlowError) -> None:
        super().__init__(effect.name, error.code)
        self.effect, self.error = effect, error


def _failure(run: Run, transaction: Transaction, error: FlowError) -> Event:
    """Return the event that an error means here: its own, or `fail` where the machine has no such edge."""
    name = error.event if run.flow.allows(transaction.state, error.event) else "fail"
    return Event(name, error, error.code)
