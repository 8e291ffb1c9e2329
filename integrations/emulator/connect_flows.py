"""Connecting an account, from the request to its completion (docs/auth0-contract.md §7.1, §7.2)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stateful_oauth.emulator.ids import base64url, opaque, same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stateful_oauth.emulator.people import Account, Connection
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.vault import ConnectedAccount

OFFLINE = "offline_access"


@dataclass(frozen=True)
class ConnectAsk:
    """A valid connect request."""

    connection: Connection
    redirect_uri: str
    state: str | None = None
    code_challenge: str | None = None
    scopes: Sequence[str] | None = None
    """None: those of the dashboard."""
    login_hint: str | None = None

    @property
    def asked(self) -> list[str]:
        """The scopes that the provider is asked for; ``offline_access`` is never replaced."""
        wanted = self.connection.scopes if self.scopes is None else self.scopes
        kept = [OFFLINE] if OFFLINE in self.connection.scopes else []
        return list(dict.fromkeys([*wanted, *kept]))


@dataclass
class ConnectFlow:
    """One request on its way; ``id`` names its page."""

    ask: ConnectAsk
    user_id: str
    client_id: str
    organization_id: str | None
    expires_at: float
    auth_session: str = field(default_factory=opaque)
    ticket: str = field(default_factory=opaque)
    id: str = field(default_factory=lambda: opaque(24))
    browser: str | None = None
    """The browser that presented the ticket; no other can."""
    code: str | None = None
    account: Account | None = None
    granted: Sequence[str] = ()
    used: bool = False


class CompletionRefused(Exception):
    """A completion that cannot be; ``status`` is that of the answer."""

    def __init__(self, status: int, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.field = field


class ConnectFlows:
    """The connect requests of a tenant."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant
        self._by_session: dict[str, ConnectFlow] = {}
        self._by_ticket: dict[str, ConnectFlow] = {}
        self._by_page: dict[str, ConnectFlow] = {}

    def start(
        self, ask: ConnectAsk, user_id: str, client_id: str, organization_id: str | None = None
    ) -> ConnectFlow:
        """Keep a connect request of a user."""
        expires_at = self._tenant.clock.now() + self._tenant.settings.connect_ttl
        flow = ConnectFlow(ask, user_id, client_id, organization_id, expires_at)
        self._by_session[flow.auth_session] = self._by_ticket[flow.ticket] = self._by_page[flow.id] = flow
        self._record("connect_started", flow, ticket=flow.ticket)
        return flow

    def open_ticket(self, ticket: str, browser: str) -> ConnectFlow | None:
        """Return the request that a browser's ticket is for; the first browser has it for itself."""
        flow = self._live(self._by_ticket.get(ticket))
        if flow is None or flow.browser not in {None, browser}:
            return None
        flow.browser = browser
        return flow

    def at_page(self, page: str, browser: str | None) -> ConnectFlow | None:
        """Return the request whose page the browser is at."""
        flow = self._live(self._by_page.get(page))
        return flow if flow is not None and flow.browser == browser else None

    def _live(self, flow: ConnectFlow | None) -> ConnectFlow | None:
        return flow if flow is not None and self._tenant.clock.now() < flow.expires_at else None

    def grant(self, flow: ConnectFlow, account: Account, scopes: Sequence[str]) -> str:
        """Note that the person agreed at the provider, and return the ``connect_code``."""
        self._end_page(flow)
        flow.account, flow.granted, flow.code = account, scopes, opaque()
        self._record("connect_code_issued", flow, code=flow.code, provider_user_id=account.identifier)
        return flow.code

    def decline(self, flow: ConnectFlow) -> None:
        """Note that the person did not agree."""
        self._end_page(flow)
        self._record("connect_declined", flow)

    def _end_page(self, flow: ConnectFlow) -> None:
        self._by_page.pop(flow.id, None)
        self._by_ticket.pop(flow.ticket, None)

    def complete(
        self, user_id: str, auth_session: str, code: str, redirect_uri: str, verifier: str | None
    ) -> ConnectedAccount:
        """Connect the account, once; raises ``CompletionRefused``."""
        flow = self._by_session.get(auth_session)
        if flow is None:
            raise CompletionRefused(400, "Invalid auth_session", "auth_session")
        if flow.user_id != user_id:
            raise CompletionRefused(403, "The auth_session belongs to another user")
        if flow.code is None or flow.account is None or not same(code, flow.code):
            raise CompletionRefused(400, "Invalid connect_code", "connect_code")
        if flow.used:
            self._record("connect_code_reused", flow, code=code)
            raise CompletionRefused(
                self._tenant.settings.used_connect_code, "The connect_code was used already", "connect_code"
            )
        if self._live(flow) is None:
            raise CompletionRefused(
                self._tenant.settings.expired_connect_session, "The auth_session has expired", "auth_session"
            )
        if redirect_uri != flow.ask.redirect_uri:
            raise CompletionRefused(400, "redirect_uri mismatch", "redirect_uri")
        flow.used = True
        if not _fits(verifier, flow.ask.code_challenge):
            self._record("connect_code_burnt", flow, code=code)
            raise CompletionRefused(400, "Failed to verify code verifier", "code_verifier")
        row = self._tenant.vault.connect(user_id, flow.account, flow.granted, flow.organization_id)
        self._record("connect_completed", flow, code=code, account=row.id)
        return row

    def _record(self, effect: str, flow: ConnectFlow, **more: str) -> None:
        self._tenant.ledger.record(
            effect,
            user_id=flow.user_id,
            client_id=flow.client_id,
            connection=flow.ask.connection.name,
            auth_session=flow.auth_session,
            **more,
        )


def _fits(verifier: str | None, challenge: str | None) -> bool:
    if verifier is None or challenge is None:
        return verifier is None and challenge is None
    return same(base64url(hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()), challenge)
