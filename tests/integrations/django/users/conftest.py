"""A tenant whose Action sets claims, and the settings that read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture
def claims(tenant, clock) -> Iterator[dict[str, Any]]:
    """What the tenant's Action adds to the ID token. Each sign-in begins a second after the last one."""
    added: dict[str, Any] = {}

    def action(event, api):
        clock.advance(1 if event.stage == "login" else 0)
        for name, value in added.items():
            api.set_id_token_claim(name, value)

    tenant.action = action
    yield added
    tenant.action = None


@pytest.fixture
def choose(settings) -> Callable[..., None]:
    """Set keys of `STATEFUL_OAUTH` for the rest of a test."""

    def choose(**keys: Any) -> None:
        settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, **keys}

    return choose
