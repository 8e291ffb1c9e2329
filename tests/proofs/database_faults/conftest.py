"""Fixtures: a site that connects and links accounts, in a database that commits for real."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stateful_oauth.emulator import Tenant
from tests.support import accounts_site


@pytest.fixture
def tenant(tenant: Tenant, transactional_db: None) -> Iterator[Tenant]:
    accounts_site.prepare(tenant)
    # What happens to a connection is seen on the test's own: no effect has another thread's.
    with accounts_site.site(ANSWER_WITHIN=0):
        yield tenant
