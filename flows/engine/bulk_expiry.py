"""Expiring many rows in one database transaction: those whose end calls no other service.

A site that is probed by scanners has far more starts than callbacks. One commit for each of them would keep a
sweep busy for hours; a batch has one. Each row still has its log line, and each observer is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.engine.crash_points import reached
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import FenceLost, FlowError, StoreUnavailable
from stateful_oauth.flows.engine.transaction import StateKind

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection

    from stateful_oauth.flows.engine.execution import Execution
    from stateful_oauth.flows.engine.ports import Caller
    from stateful_oauth.flows.engine.transaction import Transaction
    from stateful_oauth.flows.engine.transition import TransitionContext

EXPIRE = Event("expire", code="transaction_expired")


def expire_together(execution: Execution, ids: Collection[uuid.UUID], caller: Caller) -> frozenset[uuid.UUID]:
    """Expire the rows among these that wait, are past their deadline, and end without an effect.

    Returns:
        Those that were expired. The others are left to `Engine.recover`, one by one: their end calls another
        service, opens a transaction, or hands something over; this release cannot read them; or another
        worker holds them.

    Raises:
        StoreUnavailable: The database did not accept the change.
    """
    try:
        with execution.store.transaction():
            found = (_expired(execution, row, caller) for row in execution.store.lock(ids))
            moved = [transition for transition in found if transition is not None]
            if moved:
                execution.store.save_all(
                    [(each.transaction, each.log, each.before.version) for each in moved]
                )
            reached("claim.before_commit", EXPIRE.name)
    except FenceLost:
        return frozenset()
    reached("claim.after_commit", EXPIRE.name)
    for each in moved:
        execution.observer.transitioned(each.before, each.transaction, each.log)
    return frozenset(each.transaction.id for each in moved)


def _expired(execution: Execution, row: Transaction, caller: Caller) -> TransitionContext | None:
    """Return a row's expiry, or None if it is not one that a batch may commit."""
    now = execution.clock.now()
    if row.state_kind is not StateKind.WAITING or row.deadline is None or row.deadline > now:
        return None
    try:
        flow, row = execution.flows.current(row)
        run = execution.run_of(flow, caller, row.tenant)
        transition = execution.transition(run, row, EXPIRE)
    except StoreUnavailable:
        raise
    except (FlowError, KeyError):
        return None  # `recover` says what is wrong with it
    is_plain = (
        transition.transaction.is_final
        and transition.effect is None
        and transition.child is None
        and not [*transition.domain_events, *run.let_go(transition)]
    )
    return transition if is_plain else None
