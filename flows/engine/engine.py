"""The engine: claim → effect → settle, for every flow alike.

*Claim*: one short database transaction writes the new state, a lease and a log line, if the row is still as
it was read. *Effect*: the call to another service, outside any database transaction, shorter than the lease.
*Settle*: one short database transaction writes what came of it, if no other worker moved the row meanwhile.
A process that dies in between leaves a row that says what was in flight, and `recover` knows what that means.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec

from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.admission import Admission
from stateful_oauth.flows.engine.bulk_expiry import expire_together
from stateful_oauth.flows.engine.crash_points import reached
from stateful_oauth.flows.engine.creation import new_transaction
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import (
    EventNotAllowed,
    FenceLost,
    FlowError,
    Overloaded,
    Quarantined,
    StoreUnavailable,
    unfinished,
)
from stateful_oauth.flows.engine.execution import Execution
from stateful_oauth.flows.engine.handing_over import Inline
from stateful_oauth.flows.engine.observers import NULL_OBSERVER, observed_operation
from stateful_oauth.flows.engine.outcomes import Outcome, Rejected, TryLater
from stateful_oauth.flows.engine.refusals import answered, is_own, not_claimed, refusal, rejected, rejection
from stateful_oauth.flows.engine.run import Run, Settled
from stateful_oauth.flows.engine.transaction import StateKind, Transaction

if TYPE_CHECKING:
    import uuid
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.definition import FlowDefinition
    from stateful_oauth.flows.engine.handing_over import Background
    from stateful_oauth.flows.engine.inputs import FlowInputs
    from stateful_oauth.flows.engine.observers import Observer
    from stateful_oauth.flows.engine.ports import Caller, Clock, TransactionStore
    from stateful_oauth.flows.engine.registry import FlowRegistry
    from stateful_oauth.flows.engine.secret import Secret

logger = logging.getLogger("stateful_oauth.engine")

_OPERATOR_CODES: Final = {"cancel": "cancelled_by_operator", "abandon": "abandoned"}
_CLAIM_ATTEMPTS: Final = 5  # a claim fails only because another worker made progress


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePolicy:
    """What a project may choose.

    Attributes:
        open_per_browser: How many transactions of one kind a browser may have waiting
            (docs/security-checklist.md S18).
        patience: Seconds for which a late delivery waits for the winner's outcome.
        poll_interval: Seconds between its looks.
        deadlines: Seconds by `kind.state`, over the machine's own.
    """

    open_per_browser: int = 10
    patience: float = 3.0
    poll_interval: float = 0.05
    deadlines: Mapping[str, float] = field(default_factory=dict)


_Arguments = ParamSpec("_Arguments")


def _offloaded(
    method: Callable[Concatenate[Engine, _Arguments], Outcome],
) -> Callable[Concatenate[Engine, _Arguments], Coroutine[Any, Any, Outcome]]:
    """Return the `a…` twin of a method, for async views: the same call, where synchronous code may run."""

    @wraps(method)
    async def twin(self: Engine, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Outcome:
        return await self.offload(method, self, *args, **kwargs)

    twin.__doc__ = f"Do what `{method.__name__}` does, without blocking the event loop."
    return twin


class Engine:
    """Drives transactions. One instance serves all threads: it keeps no state of its own.

    Args:
        flows: The machines.
        store: Where transactions live.
        services: Returns what a machine declares as its `services`, by that type and a tenant's alias; raises
            `KeyError` for an unknown tenant. Not called for a machine that declares none.
        clock: The time.
        observer: What is told of each operation and transition.
        admission: Holds back effects of a service that is slow or fails. By default it holds back none.
        background: Where effects go on that take longer than a request should. By default nowhere.
        offload: `offload(function, *args, **kwargs)` decides on which thread the `a…` methods run effects and
            database calls. Django's integration passes one that keeps the request's database connection.
    """

    def __init__(
        self,
        *,
        flows: FlowRegistry,
        store: TransactionStore,
        services: Callable[[type[Any], str], Any],
        clock: Clock,
        policy: EnginePolicy | None = None,
        observer: Observer = NULL_OBSERVER,
        admission: Admission | None = None,
        background: Background | None = None,
        offload: Callable[..., Awaitable[Any]] | None = None,
    ) -> None:
        self._flows, self._store, self._clock = flows, store, clock
        self._policy = policy or EnginePolicy()
        self.observer, self.offload = observer, offload or asyncio.to_thread
        self.admission = admission or Admission(clock)
        self._execution = Execution(
            flows=flows,
            store=store,
            services=services,
            clock=clock,
            observer=observer,
            deadlines=self._policy.deadlines,
            admission=self.admission,
            background=background or Inline(),
        )

    # The operations.

    @observed_operation
    def start(
        self, kind: str, inputs: FlowInputs | Mapping[str, Any], caller: Caller, *, tenant: str = "default"
    ) -> Outcome:
        """Begin a transaction.

        Args:
            inputs: The flow's own inputs, or a mapping of their fields.

        Returns:
            `RedirectTo` when the browser has to go elsewhere, `Failed`, or `TryLater`: no row was made.

        Raises:
            InvalidInput: The inputs are the project's mistake; no row is made.
            StoreUnavailable: The row could not be written.
        """
        run = self._execution.run_of(self._flows[kind], caller, tenant)
        created = self._new(run, tenant, inputs)
        settled = self._begin(run, created)
        transition = settled.transition
        try:
            self._execution.admission.check(tenant, run.flow.irreplaceable_effects)
            run = self._execution.admitted(run, created, transition.effect)
        except Overloaded as error:
            return TryLater(kind=kind, tenant=tenant, code=error.code, seconds=error.seconds)
        with run.slot:
            self._close_oldest(run)
            # One row, one log line, one commit: a start that is never finished must cost little.
            with self.observer.span("claim", transition.transaction, "start"), self._store.transaction():
                self._store.create(transition.transaction, transition.log)
                reached("start.before_commit", "start")
            reached("start.after_commit", "start")
            self.observer.transitioned(transition.before, transition.transaction, transition.log)
            return self._execution.go_on(replace(settled, run=run), None)

    @observed_operation
    def dispatch(
        self,
        transaction_id: uuid.UUID,
        event: Event,
        caller: Caller,
        *,
        kind: str,
        tenant: str = "default",
        state: Secret | None = None,
    ) -> Outcome:
        """Send an event of a browser or an operator to a transaction.

        However often the same callback is delivered, one delivery does the work; the others wait for it, up
        to the policy's patience, and get the same outcome with `replayed` set.

        Args:
            kind: The flow that the URL belongs to: a callback of one flow is refused for another.
            tenant: The tenant that the URL belongs to: each has a callback of its own.
            state: The `state` parameter, when the event is a callback.

        Returns:
            The outcome; `Rejected` with a code when the event moved nothing, `InProgress` when the
            winner's answer, or that of a slow effect, is not there yet, `TryLater` when nothing was claimed
            because the service is slow or fails.

        Raises:
            StoreUnavailable: The database did not accept the change.
        """
        for _ in range(_CLAIM_ATTEMPTS):
            row = self._find(transaction_id, state)
            if isinstance(row, Rejected):
                return row
            refused = refusal(row, caller, kind, tenant)
            try:
                if refused is None:
                    return self._dispatch(row, event, caller)
                is_here = state is not None and (row.kind, row.tenant) == (kind, tenant)
                if is_here and self._end_seen(row, event, caller):
                    refused = "browser_mismatch"
                else:
                    self._log_rejection(row, event, caller, refused)
                return answered(row, caller, refused, knows_state=state is not None)
            except FenceLost:
                continue
            except EventNotAllowed as error:
                self._log_rejection(row, event, caller, error.code)
                return rejected(row, error.code)
            except StoreUnavailable:
                raise
            except FlowError as error:
                return not_claimed(row, event, error)
        return Rejected(transaction_id=transaction_id, kind=kind, code=FenceLost.CODE)

    @observed_operation
    def recover(self, transaction_id: uuid.UUID, caller: Caller) -> Outcome:
        """Bring on a transaction whose worker died or whose time is over, as its effect declares.

        What the sweep and the operator's `retry` call. A transaction that is in order is left alone.

        Raises:
            StoreUnavailable: The database did not accept the change.
        """
        row = self._find(transaction_id)
        if isinstance(row, Rejected):
            return row
        try:
            return self._recover(*self._run(row, caller))
        except StoreUnavailable:
            raise
        except FlowError as error:
            # Quarantined, overtaken, or another service is needed to say where the browser has to go.
            logger.warning("transaction %s: recovery was refused: %s", row.id, error)
            return rejected(row, error.code)

    def expire_together(self, transaction_ids: Collection[uuid.UUID], caller: Caller) -> frozenset[uuid.UUID]:
        """Expire many rows in one database transaction; see `bulk_expiry.expire_together`."""
        return expire_together(self._execution, transaction_ids, caller)

    def follow(self, transaction_id: uuid.UUID, caller: Caller) -> Outcome:
        """Tell the browser that started a transaction how it stands, and recover it when that is due.

        What the page of a browser that waits for an answer calls.

        Raises:
            StoreUnavailable: The database did not accept the change.
        """
        row = self._find(transaction_id)
        if isinstance(row, Rejected):
            return row
        if not is_own(row, caller):
            return answered(row, caller, "other_browser")
        return self.recover(transaction_id, caller)

    astart, adispatch = _offloaded(start), _offloaded(dispatch)
    arecover, afollow = _offloaded(recover), _offloaded(follow)

    def _find(self, transaction_id: uuid.UUID, state: Secret | None = None) -> Transaction | Rejected:
        try:
            row = self._store.load(transaction_id)
        except Quarantined as error:
            logger.warning("transaction %s: %s", transaction_id, error)
            return Rejected(transaction_id=transaction_id, code=error.code)
        if row is None or (state is not None and not identifiers.matches(state, row.state_digest)):
            return Rejected(code="transaction_unknown")
        return row

    # Start.

    def _new(self, run: Run, tenant: str, inputs: FlowInputs | Mapping[str, Any]) -> Transaction:
        machine = run.flow.machine
        created = new_transaction(
            run.flow,
            tenant=tenant,
            browser=run.caller.browser,
            now=self._clock.now(),
            inputs={},
            secrets={},
            user_id=run.caller.user_id if machine.needs_user else None,
        )
        kept = machine.inputs.given(inputs).checked(self._execution.context(run, created))
        return created.evolve(inputs=kept.to_json(), secrets={**created.secrets, **machine.new_secrets()})

    def _begin(self, run: Run, created: Transaction) -> Settled:
        try:
            transition = self._execution.transition(run, created, Event("start"))
            # Known before the row is written, because an unreachable service makes it a failed one.
            outcome = self._execution.outcome(run, transition.transaction)
        except FlowError as error:
            if not run.flow.allows(created.state, error.event):
                raise
            transition = self._execution.transition(
                run, created, Event(error.event, error, error.code, error.detail)
            )
            outcome = self._execution.outcome(run, transition.transaction)
        return Settled(run, transition, outcome)

    def _close_oldest(self, run: Run) -> None:
        """Close the browser's oldest waiting transactions beyond the limit."""
        if run.caller.browser is None or run.caller.is_new_browser:
            return
        waiting = self._store.open_transactions(run.flow.kind, run.caller.browsers)
        for row in waiting[: max(0, len(waiting) + 1 - self._policy.open_per_browser)]:
            event = Event("expire", code="superseded")
            try:
                transition = self._execution.transition(run, run.flow.current(row), event)
                self._execution.claim(run, transition, event)
            except (FenceLost, EventNotAllowed, Quarantined):
                continue

    # Dispatch.

    def _run(self, row: Transaction, caller: Caller) -> tuple[Run, Transaction]:
        """Return what moves the row, and the row under today's definition.

        Raises:
            Quarantined: This release does not know the row's flow, definition, state or tenant.
        """
        flow, row = self._flows.current(row)
        try:
            return self._execution.run_of(flow, caller, row.tenant), row
        except KeyError:
            raise Quarantined(f"This release has no tenant {row.tenant!r}.") from None

    def _dispatch(self, row: Transaction, event: Event, caller: Caller) -> Outcome:
        run, row = self._run(row, caller)
        machine, by_operator = run.flow.machine, caller.actor.kind == "operator"
        if event.name not in (machine.operator_events if by_operator else machine.browser_events):
            raise EventNotAllowed(f"A {caller.actor.kind} cannot send {event.name!r}.")
        if row.state_kind is not StateKind.WAITING and not by_operator:
            return self._answer_late(run, row, event)
        if by_operator:
            event = replace(event, code=event.code or _OPERATOR_CODES.get(event.name, ""))
        else:
            event = self._judge(run, row, event)
        transition = self._execution.transition(run, row, event)
        if transition.effect is not None and transition.effect.is_local:
            return self._execution.settle(run, row, event)
        run = self._execution.admitted(run, row, transition.effect)
        with run.slot:
            return self._execution.go_on(self._execution.claim(run, transition, event), event.payload)

    def _end_seen(self, row: Transaction, event: Event, caller: Caller) -> bool:
        """End an attempt whose code another browser's navigation has brought; return whether that was done.

        With that code the browser that started it could get a session of the other one's user (RFC 9700
        §4.7, browser swapping). What a scanner, a prefetch or a script fetches ends nothing.

        Raises:
            FenceLost: Another worker moved the row since it was read.
        """
        is_seen = caller.is_navigation and getattr(event.payload, "is_proof", False)
        if not is_seen or row.state_kind is not StateKind.WAITING or self._is_over(row.deadline):
            return False
        try:
            run, row = self._run(row, caller)
            if is_own(row, caller) or not run.flow.allows(row.state, event.name):
                return False
            # A flow without an edge for it ends as its machine can.
            name = next(each for each in ("mismatch", "fail", "expire") if run.flow.allows(row.state, each))
            event = Event(name, event.payload, "browser_mismatch")
            transition = self._execution.transition(run, row, event)
        except (Quarantined, EventNotAllowed) as error:
            logger.warning("transaction %s: its code was seen, and it cannot end: %s", row.id, error)
            return False
        self._execution.claim(run, transition, event)
        return True

    def _judge(self, run: Run, row: Transaction, event: Event) -> Event:
        if self._is_over(row.deadline):
            return Event("expire", event.payload, "transaction_expired")
        return run.flow.machine.route(event, self._execution.context(run, row))

    def _answer_late(self, run: Run, row: Transaction, event: Event) -> Outcome:
        """Answer a delivery that came after the one that claimed the row."""
        self._log_rejection(row, event, run.caller, "already_completed" if row.is_final else "in_progress")
        if row.state_kind is StateKind.WORKING:
            if self._is_over(row.lease_until):
                return self._recover(run, row)
            # A newer release may have moved it on to a state that this one does not know.
            row = run.flow.current(self._wait_for_winner(run.flow, row))
        return self._execution.replayed(run, row)

    def _wait_for_winner(self, flow: FlowDefinition, row: Transaction) -> Transaction:
        remaining = self._execution.background.patience(self._policy.patience)
        while flow.is_worked_on(row, self._clock.now()) and remaining > 0:
            self._clock.sleep(self._policy.poll_interval)
            remaining -= self._policy.poll_interval
            row = self._store.load(row.id) or row
        return row

    # Recover.

    def _recover(self, run: Run, row: Transaction) -> Outcome:
        if row.state_kind is StateKind.WAITING and self._is_over(row.deadline):
            event = Event("expire", code="transaction_expired")
            transition = self._execution.transition(run, row, event)
            return self._execution.go_on(self._execution.claim(run, transition, event), None)
        effect = run.flow.effect_in(row.state)
        left_to_others = row.stuck_since is not None and run.caller.actor.kind != "operator"
        if effect is None or left_to_others or not self._is_over(row.lease_until):
            return self._execution.replayed(run, row)
        error = unfinished(row.code if effect.may_repeat else "")
        try:
            run = self._execution.admitted(run, row, effect if effect.may_repeat else None)
        except Overloaded:
            return self._execution.outcome(run, row)  # stays overdue, until there is room
        with run.slot:
            return self._execution.lost(run, row, effect, error)

    def _is_over(self, moment: datetime | None) -> bool:
        return moment is not None and moment <= self._clock.now()

    def _log_rejection(self, row: Transaction, event: Event, caller: Caller, code: str) -> None:
        line = rejection(row, event, caller, code, at=self._clock.now())
        self._store.reject(row, line)
        self.observer.rejected(row, line)
