"""The tenant as a test has it: its state, and the ways in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.logout_tokens import LogoutDelivery
from stateful_oauth.emulator.routes.app import Application
from stateful_oauth.emulator.state import TenantState
from stateful_oauth.emulator.tokens import logout_token
from stateful_oauth.emulator.users import Users
from stateful_oauth.emulator.visitor import Visitor

if TYPE_CHECKING:
    import httpx
    import requests
    from requests.adapters import BaseAdapter

    from stateful_oauth.emulator.clock import Clock


class Tenant(TenantState):
    """A local Auth0 tenant.

    ``issuer`` is its base URL with a trailing slash, as in Auth0's discovery document (one is added).
    ``settings`` are fields of ``Settings``.

    Knowingly different from Auth0: callback URLs are compared exactly (no ``*`` or ``{organization_name}``
    placeholders) and ``redirect_uri`` is required; organizations are allowed to every client by default;
    there is one issuer per tenant (no custom domains beside it) and only RSA keys sign; wrong passwords
    lock no user out; a person asked for MFA has it, without enrolment; the provider behind a social
    connection is a page of this tenant, so ``federated`` logout changes nothing; logout tokens also go to
    plain http; implicit and hybrid flows, JAR, DPoP, mTLS, CIBA and the device flow are missing; rate
    limits are off by default, and there are none at the Authentication API.

    At the APIs beside it: codes of the My Account API other than A0E-400-0003, 401-0003, 404-0001, 409-0001
    and 429-0003 are guessed, as is the choice of the latest of several accounts without ``login_hint``. What
    else only a real tenant can tell has a switch in ``Settings``. Only the browser that first presents a
    connect ticket may go on, the rest
    of Auth0's "same device" check is missing; a revoked provider grant shows at the next exchange, not when
    the cached token ends. Memberships and connected accounts of a linked secondary are dropped. Identities
    carry no provider tokens; users do not read or patch themselves through the Management API; ``q`` has no
    ranges and no fuzzy terms.
    """

    def __init__(
        self, issuer: str = "https://tenant.example/", clock: Clock | None = None, **settings: Any
    ) -> None:
        super().__init__(issuer, clock, **settings)
        self._app: Application | None = None

    @property
    def users(self) -> Users:
        """What an administrator does to users."""
        return self.part(Users)

    def logout_token(self, client_id: str, user_id: str, sid: str, /, **changes: Any) -> str:
        """Sign a back-channel logout token for a client (docs/auth0-contract.md §6).

        ``changes`` are claims that replace those of Auth0; None leaves one out.
        """
        return logout_token(self, self.clients[client_id], user_id, sid, **changes)

    def owe_logout_token(self, client_id: str, user_id: str, sid: str, reason: str) -> None:
        """Have a logout token delivered to a client that has a URL for it (docs/auth0-contract.md §6)."""
        client = self.clients.get(client_id)
        if client is None or client.backchannel_logout_url is None:
            return
        token, url = logout_token(self, client, user_id, sid), client.backchannel_logout_url
        self.logout_tokens.add(LogoutDelivery(client_id, url, token, user_id, sid, reason))

    @property
    def wsgi(self) -> Application:
        """The WSGI application."""
        with self.lock:
            if self._app is None:
                self._app = Application(self)
            return self._app

    def adapter(self) -> BaseAdapter:
        """Return an adapter to mount on a ``requests.Session`` for ``base_url``."""
        from stateful_oauth.emulator.transports import RequestsAdapter  # noqa: PLC0415 - requests is only needed by who asks for it

        return RequestsAdapter(self.wsgi)

    def mount(self, session: requests.Session) -> requests.Session:
        """Mount the adapter for this tenant's base URL, and return the session."""
        session.mount(self.base_url, self.adapter())
        return session

    def httpx_transport(self) -> httpx.BaseTransport:
        """Return a transport for an ``httpx.Client``."""
        from stateful_oauth.emulator.transports_httpx import HttpxTransport  # noqa: PLC0415 - httpx is optional

        return HttpxTransport(self.wsgi)

    def visitor(self) -> Visitor:
        """Return a person with a fresh browser."""
        return Visitor(self, self.wsgi)
