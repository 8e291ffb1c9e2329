"""A site whose calls are slow when a test says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stateful_oauth.django import wiring
from tests.support.slow_calls import SlowCalls


@pytest.fixture
def slow(tenant, monkeypatch: pytest.MonkeyPatch) -> SlowCalls:
    calls = SlowCalls()
    monkeypatch.setattr(wiring, "background", lambda: calls)
    wiring.engine.cache_clear()
    return calls


@pytest.fixture
def configure(settings) -> Callable[..., None]:
    def configured(**changes):
        settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, **changes}

    return configured
