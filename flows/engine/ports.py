"""What the engine needs from other packages: they implement these protocols, and the engine imports none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.outcomes import Outcome
    from stateful_oauth.flows.engine.transaction import Actor, Transaction, TransitionLog


class Clock(Protocol):
    """The time, so that tests can own it."""

    def now(self) -> datetime:
        """Return the current time, aware."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class TransactionStore(Protocol):
    """Where transactions live.

    Every method that writes is called inside `transaction()`, except `reject`. All methods raise
    `StoreUnavailable` when the database does not take the change.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """Open one short database transaction; it must not be nested in another one."""

    def create(self, transaction: Transaction, log: Sequence[TransitionLog]) -> None:
        """Insert a new row and its first log lines."""

    def load(self, transaction_id: uuid.UUID) -> Transaction | None:
        """Return the row as it is now, or None."""

    def save(
        self,
        transaction: Transaction,
        log: Sequence[TransitionLog],
        domain_events: Sequence[DomainEvent],
        *,
        seen: int,
    ) -> bool:
        """Write the row, its log lines and what the step means, if the row's version is still `seen`.

        Returns:
            False, with nothing written, when another worker moved the row: that is the fence.
        """

    def lock(self, transaction_ids: Collection[uuid.UUID]) -> Sequence[Transaction]:
        """Return the rows that no other worker holds, and hold them until the transaction ends."""

    def save_all(self, moved: Sequence[tuple[Transaction, Sequence[TransitionLog], int]]) -> None:
        """Write rows that were locked, each with its log lines, if its version is still the given one.

        Raises:
            FenceLost: One of them was moved all the same: write none.
        """

    def record(self, transaction: Transaction, domain_events: Sequence[DomainEvent]) -> None:
        """Handle domain events of a result that came too late to move the row."""

    def reject(self, transaction: Transaction, line: TransitionLog) -> None:
        """Append a rejected event, up to a cap, under the next free number after `line.sequence`.

        Never fails a request: it is evidence, not state.
        """

    def release(self) -> None:
        """Give a pooled connection back, because an effect is about to run, which may take long."""

    def open_transactions(self, kind: str, browsers: Collection[bytes]) -> Sequence[Transaction]:
        """Return the browser's waiting transactions of this kind, oldest first."""


class Caller(Protocol):
    """Who dispatched an event: the request of a browser, a sweep, or an operator."""

    @property
    def actor(self) -> Actor:
        """What the log says about it."""

    @property
    def browser(self) -> bytes | None:
        """What a row that starts keeps of the browser; None for no browser, and for one without a cookie."""

    @property
    def browsers(self) -> Collection[bytes]:
        """All that rows may keep of this browser: `browser`, and those of before its binding was renewed."""

    @property
    def is_navigation(self) -> bool:
        """Whether a browser asked for a page to show: no prefetch, no scanner, and no script's request."""

    @property
    def is_new_browser(self) -> bool:
        """Whether the browser came without a binding cookie, and so cannot have transactions yet."""

    @property
    def user_id(self) -> str | None:
        """The Django user that this browser's session belongs to, as text; None if there is none."""

    def without_request(self) -> Caller:
        """Return who goes on with an effect when the request has answered its browser; itself for a sweep."""

    def settled(self, outcome: Outcome) -> None:
        """Do what the outcome means for the caller, inside the settle transaction.

        When it raises, nothing is settled.
        """
