"""What the engine needs from other rooms. They implement these protocols; this room never imports them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from stateful_oauth.flows.facts import Fact
    from stateful_oauth.flows.openid import (
        AuthorizationRequest,
        IdTokenExpectation,
        PushedAuthorizationResponse,
        TokenResponse,
        VerifiedIdentity,
    )
    from stateful_oauth.flows.outcomes import Outcome
    from stateful_oauth.flows.secret import Secret
    from stateful_oauth.flows.transaction import Actor, Transaction, TransitionLog


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
        self, transaction: Transaction, log: Sequence[TransitionLog], facts: Sequence[Fact], *, seen: int
    ) -> bool:
        """Write the row, its log lines and what the step means, if the row's version is still `seen`.

        Returns:
            False, with nothing written, when somebody else moved the row: that is the fence.
        """

    def reject(self, transaction: Transaction, line: TransitionLog) -> None:
        """Append a rejected event, up to a cap, under the next free number after `line.sequence`.

        Never fails a request: it is evidence, not state.
        """

    def open_transactions(self, kind: str, browser: bytes) -> Sequence[Transaction]:
        """Return the browser's waiting transactions of this kind, oldest first."""


class Provider(Protocol):
    """The OpenID Provider of one tenant.

    Methods raise `FlowError` with a code; time limits are in seconds and bound the whole call.
    """

    @property
    def issuer(self) -> str:
        """The issuer, byte-exact."""

    def sends_issuer(self) -> bool:
        """Whether callbacks must carry `iss` (RFC 9207 §3, provider metadata)."""

    def uses_pushed_authorization_requests(self) -> bool:
        """Whether authorization requests are pushed (RFC 9126)."""

    def authorization_url(self, request: AuthorizationRequest) -> str:
        """Return the address to send the browser to."""

    def pushed_authorization_url(self, request_uri: Secret) -> str:
        """Return the address to send the browser to after a push."""

    def push_authorization_request(
        self, request: AuthorizationRequest, *, time_limit: float
    ) -> PushedAuthorizationResponse:
        """Push the request (RFC 9126 §2)."""

    def exchange_code(
        self, *, code: Secret, redirect_uri: str, code_verifier: Secret, time_limit: float
    ) -> TokenResponse:
        """Exchange an authorization code for tokens (RFC 6749 §4.1.3)."""

    def verify_id_token(
        self, id_token: Secret, expected: IdTokenExpectation, *, now: datetime
    ) -> VerifiedIdentity:
        """Check every rule of the ID token.

        Raises:
            Mismatch: The nonce, organization or subject is not the one asked for.
            IdTokenRejected: Any other rule is broken.
        """


class Caller(Protocol):
    """Who dispatched an event: the request of a browser, a sweep, or an operator."""

    @property
    def actor(self) -> Actor:
        """What the log says about it."""

    @property
    def browser(self) -> bytes | None:
        """A digest of the browser-binding cookie; None for a caller that is no browser, or has no cookie."""

    @property
    def is_new_browser(self) -> bool:
        """Whether the browser came without a binding cookie, and so cannot have transactions yet."""

    def resolve_account(self, identity: VerifiedIdentity) -> str:
        """Find or make the Django user of this identity, inside the settle transaction.

        Returns:
            The user's primary key, as text.

        Raises:
            AccountRefused: The project does not let this identity in.
        """

    def settled(self, outcome: Outcome) -> None:
        """Do what the outcome means for the caller, inside the settle transaction.

        A browser that signed in gets its session here: when that fails, nothing is settled.
        """
