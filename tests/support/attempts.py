"""One sign-in, driven at the engine, with no HTTP in front of it."""

from __future__ import annotations

import uuid
from typing import Any

from stateful_oauth.django import wiring
from stateful_oauth.emulator import Tenant
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.flows.engine.outcomes import Outcome, RedirectTo
from stateful_oauth.flows.engine.ports import Caller
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from tests.support.callers import Person

INPUTS = {
    "redirect_uri": "https://app.example/auth/callback/",
    "scope": "openid profile email",
    "next": "/profile/",
}


class Attempt:
    """Start it, let the person sign in at the tenant, deliver the callback as often as you like."""

    def __init__(
        self, tenant: Tenant, person: Caller | None = None, engine: Engine | None = None, **inputs: Any
    ):
        self.tenant, self.person = tenant, person or Person()
        self.engine = engine or wiring.engine()
        self.visitor = tenant.visitor()
        self.outcome = self.engine.start("login", {**INPUTS, **inputs}, self.person)
        self.code = ""
        self.response: AuthorizationResponse | None = None

    @property
    def id(self) -> uuid.UUID:
        assert self.outcome.transaction_id is not None
        return self.outcome.transaction_id

    def authorize(self, as_user: str = "ada@example.com") -> Attempt:
        """Sign in at the tenant; the callback is not delivered yet."""
        assert isinstance(self.outcome, RedirectTo), self.outcome
        return self._came_back(self.visitor.authorize(self.outcome.url, as_user=as_user).fields)

    def decline(self) -> Attempt:
        assert isinstance(self.outcome, RedirectTo), self.outcome
        return self._came_back(self.visitor.decline(self.outcome.url).fields)

    def deliver(
        self, person: Caller | None = None, *, kind: str = "login", tenant: str = "default"
    ) -> Outcome:
        """Deliver the callback, from the browser that started it or from another one."""
        assert self.response is not None, "authorize() comes first"
        return self.engine.dispatch(
            self.id,
            Event("callback", self.response),
            person or self.person,
            kind=kind,
            tenant=tenant,
            state=self.response.state,
        )

    def _came_back(self, fields: dict[str, str]) -> Attempt:
        self.code = fields.get("code", "")
        self.response = AuthorizationResponse.parse([(name, [value]) for name, value in fields.items()])
        return self
