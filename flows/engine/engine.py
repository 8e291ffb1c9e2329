"""The engine: claim → effect → settle, for every flow alike.

*Claim*: one short database transaction writes the new state, a lease and a log line, if the row is still as
it was read. *Effect*: the call to the provider, outside any database transaction, shorter than the lease.
*Settle*: one short database transaction writes what came of it, if nobody else moved the row meanwhile.
A process that dies in between leaves a row that says what was in flight, and `recover` knows what that means.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.async_engine import AsyncEngine
from stateful_oauth.flows.engine.crash_points import reached
from stateful_oauth.flows.engine.creation import new_transaction
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import (
    AnswerLost,
    EventNotAllowed,
    FenceLost,
    FlowError,
    Quarantined,
    StoreUnavailable,
)
from stateful_oauth.flows.engine.execution import Execution, Ports, Run
from stateful_oauth.flows.engine.observers import NULL_OBSERVER, operation
from stateful_oauth.flows.engine.outcomes import Outcome, Rejected
from stateful_oauth.flows.engine.refusals import answered, is_own, refusal, rejected, rejection
from stateful_oauth.flows.engine.transaction import StateKind, Transaction
from stateful_oauth.flows.oauth.access_tokens import AccessTokens

if TYPE_CHECKING:
    import uuid
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.definition import FlowDefinition, Walk
    from stateful_oauth.flows.engine.observers import Observer
    from stateful_oauth.flows.engine.ports import Caller, Clock, TransactionStore
    from stateful_oauth.flows.engine.registry import FlowRegistry
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.oauth.ports import AccountDirectory, GrantStore, Provider

logger = logging.getLogger("stateful_oauth.engine")

_OPERATOR_CODES: Final = {"cancel": "cancelled_by_operator", "abandon": "abandoned"}
_CLAIM_ATTEMPTS: Final = 5  # a claim fails only because somebody else made progress


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


class Engine(AsyncEngine):
    """Drives transactions. One instance serves all threads: it keeps no state of its own.

    `tokens` hands out access tokens of grants.

    Args:
        flows: The machines.
        store: Where transactions live.
        grants: Where refresh tokens live.
        accounts: Who is known here.
        providers: The provider of a tenant, by the tenant's alias.
        clock: The time.
        observer: Who is told what happens.
        offload: For the `a…` methods, see `AsyncEngine`.
    """

    def __init__(
        self,
        *,
        flows: FlowRegistry,
        store: TransactionStore,
        grants: GrantStore,
        accounts: AccountDirectory,
        providers: Callable[[str], Provider],
        clock: Clock,
        policy: EnginePolicy | None = None,
        observer: Observer = NULL_OBSERVER,
        offload: Callable[..., Awaitable[Any]] | None = None,
    ) -> None:
        super().__init__(offload)
        self._flows, self._store, self._providers, self._clock = flows, store, providers, clock
        self._policy = policy or EnginePolicy()
        self.tokens = AccessTokens(grants, providers, clock, patience=self._policy.patience)
        self.observer = observer
        ports = Ports(store=store, clock=clock, tokens=self.tokens, accounts=accounts, observer=observer)
        self._execution = Execution(flows, ports, self._policy.deadlines)

    # The three entrances.

    @operation
    def start(
        self, kind: str, inputs: Mapping[str, Any], caller: Caller, *, tenant: str = "default"
    ) -> Outcome:
        """Begin a transaction.

        Args:
            inputs: What the flow's `check_inputs` takes.

        Returns:
            `RedirectTo` when the browser has to go to the provider, or `Failed`.

        Raises:
            InvalidInput: The inputs are the project's mistake; no row is made.
            StoreUnavailable: The row could not be written.
        """
        run = Run(self._flows[kind], caller, self._providers(tenant))
        kept, secrets = run.flow.machine.check_inputs(inputs, run.provider)
        self._make_room(run)
        walk, outcome = self._begin(run, self._new(run, tenant, kept, secrets))
        # One row, one log line, one commit: a start that is never finished must cost as little as possible.
        with self.observer.span("claim", walk.transaction, "start"), self._store.transaction():
            self._store.create(walk.transaction, walk.log)
            reached("start.before_commit", "start")
        reached("start.after_commit", "start")
        self.observer.transitioned(walk.before, walk.transaction, walk.log)
        if walk.effect is None:
            return outcome
        return self._execution.work(run, walk.transaction, walk.effect, None)

    @operation
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
            kind: The flow that the address belongs to: a callback of one flow is refused for another.
            tenant: The tenant that the address belongs to (RFC 9700 §4.4: a callback of its own each).
            state: The `state` parameter, when the event is a callback.

        Returns:
            The outcome; `Rejected` with a code when the event moved nothing, `InProgress` when the
            winner's answer is not there yet.

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
                # Either the row is quarantined, or the provider is needed to judge the event and does not
                # answer. Nothing was claimed, so reloading the page tries again.
                logger.warning("transaction %s: %s was refused: %s", row.id, event.name, error)
                return rejected(row, error.code)
        return Rejected(transaction_id=transaction_id, kind=kind, code=FenceLost.CODE)

    @operation
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
            # Quarantined, overtaken, or the provider is needed to say where the browser has to go.
            logger.warning("transaction %s: recovery was refused: %s", row.id, error)
            return rejected(row, error.code)

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

    def _new(
        self, run: Run, tenant: str, inputs: Mapping[str, Any], secrets: Mapping[str, Secret]
    ) -> Transaction:
        machine = run.flow.machine
        return new_transaction(
            run.flow,
            tenant=tenant,
            browser=run.caller.browser,
            now=self._clock.now(),
            inputs=inputs,
            secrets=secrets,
            user_id=run.caller.user_id if machine.needs_user else None,
        )

    def _begin(self, run: Run, created: Transaction) -> tuple[Walk, Outcome]:
        walk = self._execution.walk(run, created)
        try:
            walk.take(Event("start"))
            # Known before the row is written, because an unreachable provider makes it a failed one.
            return walk, self._execution.outcome(run, walk.transaction)
        except FlowError as error:
            if not run.flow.allows(created.state, error.event):
                raise
            walk = self._execution.walk(run, created)
            walk.take(Event(error.event, error, error.code))
            return walk, self._execution.outcome(run, walk.transaction)

    def _make_room(self, run: Run) -> None:
        """Close the browser's oldest waiting transactions beyond the limit."""
        if run.caller.browser is None or run.caller.is_new_browser:
            return
        waiting = self._store.open_transactions(run.flow.kind, run.caller.browsers)
        for row in waiting[: max(0, len(waiting) + 1 - self._policy.open_per_browser)]:
            try:
                walk, event = (
                    self._execution.walk(run, run.flow.current(row)),
                    Event("expire", code="superseded"),
                )
                walk.take(event)
                self._execution.claim(run, walk, event)
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
            return Run(flow, caller, self._providers(row.tenant)), row
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
        walk = self._execution.walk(run, row)
        walk.take(event)
        if walk.effect is not None and walk.effect.is_local:
            return self._execution.settle(run, row, event)
        self._execution.claim(run, walk, event)
        if walk.effect is None:
            return self._execution.outcome(run, walk.transaction)
        return self._execution.work(run, walk.transaction, walk.effect, event.payload)

    def _end_seen(self, row: Transaction, event: Event, caller: Caller) -> bool:
        """End an attempt whose code another browser's navigation has brought; return whether that was done.

        With that code the browser that started it could be signed in as the user of the other one (RFC 9700
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
            walk = self._execution.walk(run, row)
            walk.take(event)
        except (Quarantined, EventNotAllowed) as error:
            logger.warning("transaction %s: its code was seen, and it cannot end: %s", row.id, error)
            return False
        self._execution.claim(run, walk, event)
        return True

    def _judge(self, run: Run, row: Transaction, event: Event) -> Event:
        if self._is_over(row.deadline):
            return Event("expire", event.payload, "transaction_expired")
        return run.flow.machine.route(event, row, run.provider, run.caller)

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
        remaining = self._policy.patience
        while flow.is_worked_on(row, self._clock.now()) and remaining > 0:
            self._clock.sleep(self._policy.poll_interval)
            remaining -= self._policy.poll_interval
            row = self._store.load(row.id) or row
        return row

    # Recover.

    def _recover(self, run: Run, row: Transaction) -> Outcome:
        if row.state_kind is StateKind.WAITING and self._is_over(row.deadline):
            walk, event = self._execution.walk(run, row), Event("expire", code="transaction_expired")
            walk.take(event)
            self._execution.claim(run, walk, event)
            return self._execution.outcome(run, walk.transaction)
        effect = run.flow.effect_in(row.state)
        left_to_others = row.stuck_since is not None and run.caller.actor.kind != "operator"
        if effect is None or left_to_others or not self._is_over(row.lease_until):
            return self._execution.replayed(run, row)
        return self._execution.lost(run, row, effect, AnswerLost("The worker did not come back."))

    def _is_over(self, moment: datetime | None) -> bool:
        return moment is not None and moment <= self._clock.now()

    # Rejections.

    def _log_rejection(self, row: Transaction, event: Event, caller: Caller, code: str) -> None:
        line = rejection(row, event, caller, code, at=self._clock.now())
        self._store.reject(row, line)
        self.observer.rejected(row, line)
