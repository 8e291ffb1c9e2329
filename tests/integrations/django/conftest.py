"""Fixtures of the site's tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stateful_oauth.emulator import Tenant
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.testing.browser import Browser
from stateful_oauth.testing.clock import ManualClock

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def configure(settings: Any) -> Callable[..., None]:
    """Change keys of `STATEFUL_OAUTH` for the rest of the test."""

    def change(**keys: Any) -> None:
        settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, **keys}

    return change


@pytest.fixture
def strict_browser(tenant: Tenant, db: None) -> Browser:
    """A browser whose forms are checked, as every real one's are."""
    return Browser(tenant, enforce_csrf_checks=True)


@pytest.fixture
def known_user(tenant: Tenant, clock: ManualClock, db: None) -> Callable[..., Any]:
    """Make the Django user of somebody at the tenant, as an earlier sign-in would have."""
    # This file is read before Django is set up, and models cannot be imported then.
    from django.contrib.auth import get_user_model

    from stateful_oauth.storage.identities import add_identity

    def make(email: str = ADA, **fields: Any) -> Any:
        subject = next(user.user_id for user in tenant.people.users.values() if user.email == email)
        identity = VerifiedIdentity(issuer=tenant.issuer, subject=subject, claims={"email": email})
        create = get_user_model().objects.create_user
        row = add_identity(identity, lambda: create(email.partition("@")[0], **fields), now=clock.now())
        return row.user

    return make
