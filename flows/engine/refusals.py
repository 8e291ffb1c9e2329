"""Which events are refused before the machine is asked, and how the caller is answered."""

from __future__ import annotations

import hmac
import logging
from typing import TYPE_CHECKING

from stateful_oauth.flows.engine.errors import Overloaded
from stateful_oauth.flows.engine.outcomes import Rejected, TryLater
from stateful_oauth.flows.engine.transaction import SEQUENCE_STEP, TransitionLog

if TYPE_CHECKING:
    from datetime import datetime

    from stateful_oauth.flows.engine.effects import Event
    from stateful_oauth.flows.engine.errors import FlowError
    from stateful_oauth.flows.engine.ports import Caller
    from stateful_oauth.flows.engine.transaction import Transaction


logger = logging.getLogger("stateful_oauth.engine")


def refusal(row: Transaction, caller: Caller, kind: str, tenant: str) -> str | None:
    """Return why an event is refused before the machine is asked, or None.

    Args:
        kind: The flow that the URL belongs to.
        tenant: The tenant that the URL belongs to.

    Returns:
        `other_browser`, `browser_unknown`, `wrong_flow`, or None.
    """
    if not is_own(row, caller):
        return "other_browser" if caller.browsers else "browser_unknown"
    return None if (row.kind, row.tenant) == (kind, tenant) else "wrong_flow"


def is_own(row: Transaction, caller: Caller) -> bool:
    """Whether the row belongs to the caller's browser, if it belongs to one; an operator may see any row."""
    own = row.browser
    if caller.actor.kind != "browser" or own is None:
        return True
    return any(hmac.compare_digest(own, each) for each in caller.browsers)


def answered(row: Transaction, caller: Caller, code: str, *, knows_state: bool = False) -> Rejected:
    """Return the answer to a refused event.

    An id is no secret: it stands in URLs, in log lines, and in what users tell support. So another browser is
    answered as for an id that does not exist, unless it holds the `state`, and is told nothing of the row.

    Args:
        knows_state: Whether the caller sent the row's `state`.
    """
    if is_own(row, caller):
        return rejected(row, code)
    return Rejected(kind=row.kind, code=code) if knows_state else Rejected(code="transaction_unknown")


def rejected(row: Transaction, code: str) -> Rejected:
    """Return a refusal for the browser that started the row, or for an operator."""
    return Rejected(transaction_id=row.id, kind=row.kind, tenant=row.tenant, code=code, next_url=row.next_url)


def not_claimed(row: Transaction, event: Event, error: FlowError) -> Rejected | TryLater:
    """Return the answer to an event that was not claimed. Nothing is lost: sending it again tries again.

    Either the row is quarantined, or another service is needed to judge the event and does not answer, or the
    service that it leads to is slow or fails (`Overloaded`).
    """
    if isinstance(error, Overloaded):
        return TryLater(
            transaction_id=row.id,
            kind=row.kind,
            tenant=row.tenant,
            code=error.code,
            next_url=row.next_url,
            seconds=error.seconds,
        )
    logger.warning("transaction %s: %s was refused: %s", row.id, event.name, error)
    return rejected(row, error.code)


def rejection(row: Transaction, event: Event, caller: Caller, code: str, *, at: datetime) -> TransitionLog:
    """Return the log line of an event that moved nothing."""
    return TransitionLog(
        sequence=SEQUENCE_STEP * row.version,
        event=event.name,
        source=row.state,
        target=row.state,
        at=at,
        actor=caller.actor,
        code=code,
        rejected=True,
    )
