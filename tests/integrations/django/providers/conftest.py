"""Fixtures of the tests about other providers than Auth0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stateful_oauth.emulator import Tenant


@pytest.fixture
def at(configure: Callable[..., None], tenant: Tenant) -> Callable[..., None]:
    """Have the site use a profile, and nothing of Auth0's own; more keys may follow."""

    def use(profile: str, **keys: Any) -> None:
        tenant.settings.auth0_logout = False
        configure(PROVIDER=profile, MANAGEMENT_CLIENT_ID="", MANAGEMENT_CLIENT_SECRET="", **keys)

    return use
