"""Fixtures: a site and an emulated provider, set up as the suite sets up a relying party."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def configure(settings: Any) -> Callable[..., None]:
    def change(**keys: Any) -> None:
        settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, **keys}

    return change


@pytest.fixture(autouse=True)
def generic(configure: Callable[..., None]) -> None:
    """The profile of any provider, with the client authentication that the plans use."""
    configure(
        PROVIDER="generic",
        MANAGEMENT_CLIENT_ID="",
        MANAGEMENT_CLIENT_SECRET="",
        CLIENT_AUTHENTICATION="client_secret_basic",
        USERINFO="always",
    )
