"""A provider that a project wrote itself may say any number: the engine bounds it once more."""

from __future__ import annotations

from typing import Any

import pytest

from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.access_tokens import AccessTokens
from stateful_oauth.flows.oauth.openid import TokenResponse
from stateful_oauth.testing.clock import ManualClock


@pytest.mark.parametrize("seconds", [253_402_300_799, 10**30, float("inf"), -1, 0])
def test_lifetime_of_an_access_token_is_bounded(seconds: Any) -> None:
    clock = ManualClock()
    tokens = AccessTokens(None, None, clock, patience=1)  # type: ignore[arg-type] # neither is asked
    kept = tokens._kept(TokenResponse(access_token=Secret("a"), expires_in=seconds), "openid")
    assert 0 <= (kept.expires_at - clock.now()).total_seconds() <= 31_536_000
