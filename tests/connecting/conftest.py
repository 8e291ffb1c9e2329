"""Fixtures: a site that connects and links accounts, and somebody who is signed in to it."""

from __future__ import annotations

from collections.abc import Iterator

import accounts_site
import pytest

from stateful_oauth.integrations.emulator import Tenant
from stateful_oauth.integrations.testing.browser import Browser


@pytest.fixture
def tenant(tenant: Tenant) -> Iterator[Tenant]:
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield tenant


@pytest.fixture
def owner(tenant: Tenant, browser: Browser) -> Browser:
    """Somebody who is signed in with a refresh token, and has accounts at providers."""
    browser.user = tenant.add_user(email=accounts_site.XPTO, password="a good one")
    for number, connection in enumerate(("google-oauth2", "google-oauth2", "github")):
        tenant.add_user(
            email=f"{connection}-{number}@example.com",
            connection=connection,
            user_id=f"10{number}",
            signed_up=False,
        )
    browser.sign_in(browser.user.user_id)
    return browser
