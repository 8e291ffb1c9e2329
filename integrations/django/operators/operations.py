"""An operator's operations on a transaction: which are possible now, and performing them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.db import router
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import OperatorCaller
from stateful_oauth.django.operators import durations
from stateful_oauth.django.operators.situations import Release
from stateful_oauth.flows.engine.effects import Event, LostAnswer
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.outcomes import Outcome, Rejected
from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from django.utils.functional import _StrPromise

logger = logging.getLogger("stateful_oauth.operators")

PATIENCE: Final = timedelta(seconds=20)  # for one press on a button; web servers cut off at 30 seconds
RETRY: Final = "retry"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that an operator may perform.

    Attributes:
        name: The event, and the first word of the permission: `retry_flow`.
        means: What it does, shown on the confirmation page.
    """

    name: str
    label: _StrPromise
    means: _StrPromise

    @property
    def permission(self) -> str:
        """The permission that it needs."""
        return f"stateful_oauth.{self.name}_flow"


OPERATIONS: Final[dict[str, Operation]] = {
    operation.name: operation
    for operation in (
        Operation(
            RETRY,
            gettext_lazy("Retry"),
            gettext_lazy("Recovery starts again, with all its attempts, and does what the effect declares."),
        ),
        Operation(
            "cancel",
            gettext_lazy("Cancel"),
            gettext_lazy("The attempt ends as if the user had cancelled it."),
        ),
        Operation(
            "abandon",
            gettext_lazy("Abandon"),
            gettext_lazy("The attempt ends now. Anything that happened at the provider is not undone."),
        ),
    )
}


def refusal(operation: Operation, row: FlowTransaction, release: Release, now: datetime) -> str:
    """Return why the operation is not possible now, or an empty string."""
    if row.state_kind == StateKind.FINAL:
        return _("The transaction is finished. A final state never changes.")
    if unknown := release.unknown_about(row):
        return unknown
    if operation.name == RETRY:
        return _why_no_retry(row, now)
    flow = release.flows[row.kind]
    if operation.name not in flow.machine.operator_events:
        return _("Operators cannot %(event)s transactions of %(kind)s.") % {
            "kind": row.kind,
            "event": operation.name,
        }
    # A row of an older version is moved to today's before it takes the event, and its state may be another.
    moved = row.definition_version != flow.definition.version
    if not moved and not flow.allows(row.state, operation.name):
        return _("You cannot %(event)s a transaction in %(state)s.") % {
            "event": operation.name,
            "state": row.state,
        }
    return ""


def consequence(row: FlowTransaction, release: Release) -> str:
    """Return what a retry does to the effect in flight, or an empty string without an effect."""
    flow = release.flow_of(row)
    effect = flow.effect_in(row.state) if flow is not None else None
    if effect is None:
        return ""
    match effect.lost_answer:
        case LostAnswer.REPEAT:
            return _("%(effect)s is repeated.") % {"effect": effect.name}
        case LostAnswer.REREAD:
            return _("%(effect)s: recovery asks the provider whether it happened.") % {"effect": effect.name}
        case LostAnswer.FAIL:
            return _("%(effect)s cannot be repeated. The attempt ends with %(code)s.") % {
                "effect": effect.name,
                "code": effect.lost_code,
            }
        case LostAnswer.LOCAL:
            return _("%(effect)s only uses this database. The attempt ends.") % {"effect": effect.name}


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an operation on one row.

    Attributes:
        level: Of Django's messages.
        tried: Whether the engine was asked; otherwise nothing has happened.
    """

    id: uuid.UUID
    level: int
    text: str
    tried: bool = True


def operate(operation: Operation, rows: Sequence[FlowTransaction], user: Any, reason: str) -> list[Result]:
    """Perform an operation on each row, one after another, until the time limit.

    Args:
        rows: As they were read before. The engine reads them again.

    Returns:
        A result for each row. An exception of one row does not stop the others.
    """
    release, began = Release.current(), wiring.clock.now()
    caller = OperatorCaller(user.pk, reason)
    found: dict[uuid.UUID, Outcome | Result] = {}
    for row in rows:
        if wiring.clock.now() - began >= PATIENCE:
            text = _("Not tried, because the others took too long. Select it again.")
            found[row.pk] = Result(row.pk, messages.WARNING, text, tried=False)
        elif why := refusal(operation, row, release, wiring.clock.now()):
            text = _("Nothing was changed. %(why)s") % {"why": why}
            found[row.pk] = Result(row.pk, messages.ERROR, text, tried=False)
        else:
            found[row.pk] = _operate(operation, row, caller)
    after = _states(pk for pk, result in found.items() if not isinstance(result, Result))
    return [
        result if isinstance(result, Result) else _told(result, pk, after.get(pk))
        for pk, result in found.items()
    ]


def _operate(operation: Operation, row: FlowTransaction, caller: OperatorCaller) -> Outcome | Result:
    engine = wiring.engine()
    try:
        if operation.name == RETRY:
            return engine.recover(row.pk, caller)
        return engine.dispatch(row.pk, Event(operation.name), caller, kind=row.kind, tenant=row.tenant)
    except FlowError as error:
        return Result(row.pk, messages.ERROR, _explained(error.code))
    except Exception:
        # A bug, or a wrong setting. The operator sees it, and the other rows are still tried.
        logger.exception("transaction %s: an operator's %s failed", row.pk, operation.name)
        return Result(row.pk, messages.ERROR, _explained("internal_error"))


def _states(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, FlowTransaction]:
    wanted = list(ids)
    fields = ("state", "state_kind", "code", "lease_until", "stuck_since")
    written = FlowTransaction.objects.using(router.db_for_write(FlowTransaction))
    return written.only(*fields).in_bulk(wanted) if wanted else {}


def _told(outcome: Outcome, transaction_id: uuid.UUID, row: FlowTransaction | None) -> Result:
    if row is None:
        return Result(transaction_id, messages.ERROR, _explained("transaction_unknown"))
    if isinstance(outcome, Rejected):
        return Result(transaction_id, messages.ERROR, _("Refused. %s") % _explained(outcome.code))
    names = {"state": row.state, "why": _explained(row.code)}
    if row.state_kind == StateKind.FINAL:
        text = _("Finished: %(state)s. %(why)s") if row.code else _("Finished: %(state)s.")
        good = not row.code or outcome.code in {"cancelled_by_operator", "abandoned"}
        return Result(transaction_id, messages.SUCCESS if good else messages.WARNING, text % names)
    if row.state_kind == StateKind.WAITING:
        text = _("Waiting for the browser again: %(state)s.")
        return Result(transaction_id, messages.SUCCESS, text % names)
    if row.stuck_since is not None:
        text = _("Stuck again: %(state)s. %(why)s")
        return Result(transaction_id, messages.WARNING, text % names)
    due = durations.exact(row.lease_until) if row.lease_until is not None else "-"
    text = _("Still working: %(state)s. %(why)s Recovery is due %(due)s.")
    return Result(transaction_id, messages.WARNING, text % {**names, "due": due})


def _explained(code: str) -> str:
    """Return a code with its meaning and its remedy."""
    if not code:
        return ""
    entry = ERROR_CODES.get(code)
    return f"{code}: {entry.meaning} {entry.operator}" if entry is not None else code


def _why_no_retry(row: FlowTransaction, now: datetime) -> str:
    if row.state_kind != StateKind.WORKING:
        return _("The transaction waits for its browser. There is nothing to retry.")
    if row.stuck_since is not None or row.lease_until is None or row.lease_until <= now:
        return ""
    due = durations.exact(row.lease_until)
    if row.code:
        return _("The provider asked to wait. Recovery is due %(due)s.") % {"due": due}
    return _("A worker has the transaction until %(due)s.") % {"due": due}
