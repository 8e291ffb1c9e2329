"""Invariants of transactions and their logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.transaction import SEQUENCE_STEP
from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    import uuid

    from stateful_oauth.testing.world.base_state_machine import BaseStateMachine
    from stateful_oauth.testing.world.observations import Row

# Columns of a row that is over which may change still: signing out withdraws the session that it may give.
_WITHDRAWN: Final[tuple[dict[str, object], ...]] = ({},)


def the_log_folds_to_the_state(world: BaseStateMachine) -> None:
    """The log, folded, gives the row's state; its numbers are those of the versions; kinds of states fit."""
    name = "the log folds to the state"
    for _, _, row in world.seen.changed_since(world.before):
        if row is None:
            continue
        flow = wiring.flows()[row.kind]
        state = flow.initial
        for line in row.taken:
            if line.source != state or not flow.allows(line.source, line.event):
                raise Violation(name, f"it does not fold at {line.sequence}:\n{row.show()}")
            state = line.target
        if state != row.state:
            raise Violation(name, f"folded, it gives {state}:\n{row.show()}")
        if row.state_kind != flow.state_kinds[row.state]:
            raise Violation(name, f"{row.state} is no {row.state_kind} state:\n{row.show()}")
        expected = [SEQUENCE_STEP * version for version in range(1, row.version + 1)]
        if [line.sequence for line in row.taken] != expected:
            raise Violation(name, f"the numbers are not {expected}:\n{row.show()}")
        if row.is_open != bool(row.deadline or row.lease_until):
            raise Violation(name, f"an open row is due some time, and a closed one never:\n{row.show()}")


def finals_never_change(world: BaseStateMachine) -> None:
    """A final state is final: nothing of the row changes, no transition is added, no secret is kept."""
    name = "finals never change"
    for id_, old, row in world.seen.changed_since(world.before):
        if row is not None and not row.is_open and row.secrets is not None:
            raise Violation(name, f"secrets outlived the transaction:\n{row.show()}")
        if old is None:
            continue
        if row is None:
            if old.is_open or id_ not in world.memory.going:
                raise Violation(name, f"this transaction is gone, and was not purged:\n{old.show()}")
        elif not old.is_open and _but_for_the_log(old) != _but_for_the_log(row):
            raise Violation(name, f"it was over, and is another one now:\n{old.show()}\nnow:\n{row.show()}")
        elif not old.is_open and row.result not in (old.result, *_WITHDRAWN):
            raise Violation(name, f"the result changed from {old.result} to {row.result}:\n{row.show()}")
        elif list(row.log[: len(old.log)]) != list(old.log) and not set(old.log) <= set(row.log):
            raise Violation(name, f"a line of the log is lost:\n{old.show()}\nnow:\n{row.show()}")


def _but_for_the_log(row: Row) -> dict[str, object]:
    """Return what a final row keeps: rejected events may still be added to its log."""
    return {**_without_result(row), "log": row.taken}


def _without_result(row: Row, *others: str) -> dict[str, object]:
    left_out = ("result", "user_id", *others)
    kept = {name: value for name, value in row.columns.items() if name not in left_out}
    return {**kept, "log": row.log}


def _signed_out_of(old: Row, row: Row) -> bool:
    """Whether a row differs by nothing but what signing out does: no session, and no browser to wait for."""
    if old.is_open:
        return row.is_open and row.result == old.result and _same(old, row, "browser")
    return row.result in _WITHDRAWN and _same(old, row)


def _ended_by_another_sign_in(old: Row, row: Row) -> bool:
    """Whether a row differs by nothing but its deadline, and waits for an answer about linking.

    The user may have signed out in the same step.
    """
    asks = old.kind == "account_linking" and old.state_kind == "waiting"
    return asks and row.result == old.result and _same(old, row, "deadline", "browser")


def _same(old: Row, row: Row, *but_for: str) -> bool:
    return _without_result(old, *but_for) == _without_result(row, *but_for)


def tabs_do_not_disturb_one_another(world: BaseStateMachine) -> None:
    """A step changes the transactions that it is about, and no others.

    But for the oldest ones of a browser that starts more than `OPEN_PER_BROWSER`, for the browsers and
    sessions that signing out takes away, for questions about linking that another sign-in ends, and for the
    row that revokes a token which the step let go.
    """
    if world.memory.touched is None:
        return  # a sweep is about all of them
    about: set[uuid.UUID] = set()
    for id_ in world.memory.touched:
        owner = world.memory.owners.get(id_)
        about |= {id_, *(owner.tab.rows if owner else ())}
    for id_, old, row in world.seen.changed_since(world.before):
        if row is None or id_ in about:
            continue
        if old is not None and (_signed_out_of(old, row) or _ended_by_another_sign_in(old, row)):
            continue
        if old is None and row.kind == "end_grant":
            continue
        if row.code == "superseded" and row.state == "expired" and old is not None and old.is_open:
            continue
        raise Violation(
            "tabs do not disturb one another",
            f"{world.name_of(id_)} changed, which the step was not about:\n{row.show()}",
        )
