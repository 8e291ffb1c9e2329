"""What a browser has at the tenant: an SSO session and logins that are under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stateful_oauth.emulator.ids import opaque

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.people import Organization

MFA_POLICY = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"


@dataclass
class Session:
    """An SSO session; ``sid`` goes into ID tokens, ``cookie`` into the browser."""

    user_id: str
    connection: str
    auth_time: float
    mfa: bool = False
    sid: str = field(default_factory=lambda: opaque(24))
    cookie: str = field(default_factory=opaque)
    last_used: float = 0.0
    clients: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Ask:
    """A valid authorization request."""

    client: Client
    redirect_uri: str
    scope: str
    state: str | None
    nonce: str | None
    audience: str | None
    code_challenge: str | None
    code_challenge_method: str
    response_mode: str
    prompt: frozenset[str]
    max_age: int | None
    login_hint: str | None
    connection: str | None
    organization: Organization | None
    invitation: str | None
    screen_hint: str | None
    mfa: bool

    @property
    def scopes(self) -> list[str]:
        """The requested scopes, each once."""
        return list(dict.fromkeys(self.scope.split()))

    @property
    def wants_auth_time(self) -> bool:
        """Auth0 sends ``auth_time`` only then."""
        return "login" in self.prompt or self.max_age is not None


@dataclass
class Login:
    """Auth0's own login transaction: a person in front of the sign-in page. Lives an hour."""

    ask: Ask
    browser: str
    started_at: float
    id: str = field(default_factory=lambda: opaque(24))
    signed_in: Session | None = None
    """Set while the person is asked to agree."""
    fresh: bool = False
    """Whether the person authenticated in this login."""


@dataclass
class Pushed:
    """A pushed authorization request (RFC 9126)."""

    client_id: str
    params: Mapping[str, str]
    expires_at: float


@dataclass
class LogoutConfirmation:
    """A logout that waits for the person's yes."""

    browser: str
    target: str | None
    started_at: float


class Browsers:
    """Sessions, logins and pushed requests of a tenant."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.logins: dict[str, Login] = {}
        self.pushed: dict[str, Pushed] = {}
        self.logouts: dict[str, LogoutConfirmation] = {}
        self._dialogs: dict[str, list[str]] = {}

    def open_login(self, login: Login, limit: int) -> None:
        """Keep a login; more than ``limit`` in one browser evict its oldest."""
        self.logins[login.id] = login
        known = [*self._dialogs.get(login.browser, ()), login.id]
        open_now = [id_ for id_ in known if id_ in self.logins]
        for evicted in open_now[:-limit]:
            del self.logins[evicted]
        self._dialogs[login.browser] = open_now[-limit:]

    def drop_user(self, user_id: str) -> list[Session]:
        """Forget the sessions of a user, and return them."""
        gone = [session for session in self.sessions.values() if session.user_id == user_id]
        for session in gone:
            del self.sessions[session.cookie]
        return gone
