"""What this site tells of its transactions: one log line and one signal per transition, and telemetry.

The engine calls it after each commit. It costs what its listeners cost: with none, a few comparisons.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from django.db import router, transaction

from stateful_oauth.django.pages.site_faults import log_faults
from stateful_oauth.django.signals import Transition, flow_settled, transition_made
from stateful_oauth.flows.engine.observers import NULL_OBSERVER
from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from stateful_oauth.flows.engine.observers import Observer
    from stateful_oauth.flows.engine.outcomes import Outcome
    from stateful_oauth.flows.engine.registry import FlowRegistry
    from stateful_oauth.flows.engine.transaction import Transaction, TransitionLog

logger = logging.getLogger("stateful_oauth.observer")
transitions_log: Final = logging.getLogger("stateful_oauth.transitions")

# What a line's `extra` has; none of them is a name that logging itself gives a record.
_FIELDS: Final = (
    *("transaction", "flow", "tenant", "event", "source", "target", "actor", "code", "effect"),
    *("attempts", "duration", "rejected"),
)


class SiteObserver:
    """Implements `flows.engine.observers.Observer`.

    Args:
        flows: Returns the flows of the process.
        telemetry: Makes spans and counts.
    """

    def __init__(self, flows: Callable[[], FlowRegistry], telemetry: Observer = NULL_OBSERVER) -> None:
        self._flows, self._telemetry = flows, telemetry

    def operation(self, name: str) -> AbstractContextManager[Callable[[Outcome], None]]:
        """Make a span of it."""
        return self._telemetry.operation(name)

    def span(self, name: str, transaction: Transaction, step: str) -> AbstractContextManager[None]:
        """Make a span of it."""
        return self._telemetry.span(name, transaction, step)

    def transitioned(self, before: Transaction, after: Transaction, lines: Sequence[TransitionLog]) -> None:
        """Count, log and send."""
        self._telemetry.transitioned(before, after, lines)
        log_faults(after, lines)
        if transitions_log.isEnabledFor(logging.INFO) or transition_made.receivers or flow_settled.receivers:
            try:
                self._tell(after, [*_transitions(before, after, lines)])
            except Exception:  # a sign-in that is done must not fail for who watches it
                logger.exception("transaction %s: a transition was not told", after.id)

    def rejected(self, transaction: Transaction, line: TransitionLog) -> None:
        """Count and log."""
        self._telemetry.rejected(transaction, line)
        log_faults(transaction, [line])
        if transitions_log.isEnabledFor(logging.INFO):
            try:
                for each in _transitions(transaction, transaction, [line]):
                    _log(each)
            except Exception:  # as above
                logger.exception("transaction %s: a rejection was not told", transaction.id)

    def _tell(self, after: Transaction, made: Sequence[Transition]) -> None:
        if transitions_log.isEnabledFor(logging.INFO):
            for each in made:
                _log(each)
        if transition_made.receivers or flow_settled.receivers:
            # At once, because it is committed; but in a test that sits in a transaction, when Django's own
            # `captureOnCommitCallbacks` says so, like every other work that is put off until a commit.
            alias = router.db_for_write(FlowTransaction)
            transaction.on_commit(partial(self._send, after, made), using=alias, robust=True)

    def _send(self, after: Transaction, made: Sequence[Transition]) -> None:
        for each in made:
            transition_made.send_robust(FlowTransaction, transition=each)
        if after.is_final and flow_settled.has_listeners(FlowTransaction):
            outcome = self._flows()[after.kind].machine.final_outcome(after)
            flow_settled.send_robust(FlowTransaction, outcome=outcome)


def _log(made: Transition) -> None:
    transitions_log.info(
        "transaction %s: %s %s --%s--> %s%s%s",
        made.transaction,
        made.flow,
        made.source,
        made.event,
        made.target,
        " rejected" if made.rejected else "",
        f" ({made.code})" if made.code else "",
        extra={name: getattr(made, name) for name in _FIELDS} | {"transaction": str(made.transaction)},
    )


def _transitions(
    before: Transaction, after: Transaction, lines: Sequence[TransitionLog]
) -> Iterator[Transition]:
    """Take what may be told, by name: nothing else of a row or a line gets out."""
    since = before.changed_at
    # The first line of a walk is what came of the effect that was in flight.
    ended = before.attempts if before.state_kind is StateKind.WORKING else 0
    for line in lines:
        yield Transition(
            transaction=after.id,
            flow=after.kind,
            tenant=after.tenant,
            event=line.event,
            source=line.source,
            target=line.target,
            at=line.at,
            actor=str(line.actor),
            code=line.code,
            effect=line.effect,
            attempts=after.attempts if line.effect else ended,
            # Of two machines whose clocks differ, the later one may come first.
            duration=max(0.0, (line.at - since).total_seconds()),
            rejected=line.rejected,
        )
        since, ended = line.at, 0
