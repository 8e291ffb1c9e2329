"""Fixtures: a sign-in that brought a refresh token, with rotation or without.

What needs Django's settings is imported late: `pytest tests/flows/oauth` reads this file before
they are chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.emulator import Tenant
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import prepare, site

API = "https://calendar.example/"


@dataclass
class Granted:
    """A grant, and what the provider has seen of it since the sign-in."""

    tenant: Tenant
    id: str

    def token(self, audience: str = "", scope: str = "", **limits: float) -> Any:
        """Ask for an access token as the engine does."""
        limits.setdefault("time_limit", 10)
        return wiring.access_tokens().access_token(self.id, audience=audience, scope=scope, **limits)

    @property
    def row(self) -> Any:
        from stateful_oauth.storage.models import Grant

        return Grant.objects.get(pk=self.id)

    @property
    def sent(self) -> int:
        """How often a refresh token was sent since the sign-in."""
        return self.tenant.requests["/oauth/token"] - 1

    @property
    def end(self) -> tuple[str, bool]:
        """Why it ended, and whether nothing of it is left."""
        row = self.row
        wiped = (row.refresh_token, row.access_tokens, row.claimed_until) == (None, "", None)
        return (row.code, row.ended_at is not None and wiped)


@pytest.fixture
def tenant(tenant: Tenant) -> Tenant:
    prepare(tenant)
    tenant.add_api(API, scopes=["read:events", "write:events", "delete:events"])
    client = tenant.clients["web"]
    client.refresh_policies = {**client.refresh_policies, API: ("read:events", "write:events")}
    return tenant


@pytest.fixture
def granted(tenant: Tenant, db: None) -> Iterator[Callable[..., Granted]]:
    """Sign in with `offline_access`: `granted(rotation=True)`."""
    entered: list[Any] = []

    def make(*, rotation: bool, **settings: Any) -> Granted:
        tenant.clients["web"].rotation = rotation
        chosen = site(LINKING="off", REFRESH_TOKEN_ROTATION=rotation, **settings)
        chosen.__enter__()
        entered.append(chosen)
        browser = Browser(tenant)
        browser.sign_in("ada@example.com")
        return Granted(tenant, browser.client.session["stateful_oauth"]["grant"])

    yield make
    for chosen in reversed(entered):
        chosen.__exit__(None, None, None)
