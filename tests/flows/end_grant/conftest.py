"""Fixtures: a site that keeps refresh tokens, and links accounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stateful_oauth.emulator import Tenant
from tests.support import accounts_site


@pytest.fixture
def tenant(tenant: Tenant) -> Iterator[Tenant]:
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield tenant
