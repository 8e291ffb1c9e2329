"""Fixtures: a site that connects and links accounts, and a user who is signed in to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stateful_oauth.emulator import Tenant
from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site


@pytest.fixture
def tenant(tenant: Tenant) -> Iterator[Tenant]:
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield tenant


@pytest.fixture
def owner(tenant: Tenant, browser: Browser) -> Browser:
    """The browser of a user who is signed in with a refresh token, and has accounts at providers."""
    browser.user = tenant.add_user(email=accounts_site.XPTO, password="a good one")
    for number, account in enumerate((accounts_site.FIRST, accounts_site.SECOND, accounts_site.HUB)):
        connection, _, user_id = account.partition("|")
        tenant.add_user(
            email=f"{connection}-{number}@example.com",
            connection=connection,
            user_id=user_id,
            signed_up=False,
        )
    browser.sign_in(browser.user.user_id)
    return browser


@pytest.fixture(autouse=True)
def rows_keep_their_promises() -> Iterator[None]:
    # pytest loads conftests before Django has its settings, and models need those.
    from tests.support.rows import check_rows, nothing_working

    yield
    check_rows()
    nothing_working()
