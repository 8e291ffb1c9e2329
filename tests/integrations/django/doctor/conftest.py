"""Fixtures: a healthy site and tenant, and looking at one stage of the diagnostics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings

from stateful_oauth.emulator import Tenant


@pytest.fixture
def configure(settings: Any) -> Callable[..., None]:
    """Change keys of `STATEFUL_OAUTH` for the rest of the test."""

    def change(**keys: Any) -> None:
        settings.STATEFUL_OAUTH = {**django_settings.STATEFUL_OAUTH, **keys}

    return change


@pytest.fixture
def healthy(tenant: Tenant, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """A site and a tenant about which there is nothing to say."""
    from cryptography.fernet import Fernet

    from stateful_oauth.django.checks import check_deployment
    from stateful_oauth.django.doctor import site

    # The emulator stands in for the provider here, which a site that people use must not have.
    monkeypatch.setattr(
        site,
        "check_deployment",
        lambda: [each for each in check_deployment() if each.id != "stateful_oauth.W005"],
    )

    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.STATEFUL_OAUTH = {
        **settings.STATEFUL_OAUTH,
        "ENCRYPTION_KEYS": [Fernet.generate_key().decode()],
        "SCOPE": "openid profile email offline_access",
        "CONNECTIONS": {"*": {}},
        "REFRESH_TOKEN_ROTATION": False,
    }
    tenant.clients["web"].rotation = False
    tenant.allow_management("linker", ["read:users", "update:users"])
    return tenant


@pytest.fixture
def stages(healthy: Tenant) -> Callable[..., dict[str, Any]]:
    """Run the diagnostics, and return the stages by name."""
    # This file is read before Django is set up, and models cannot be imported then.
    from stateful_oauth.django.doctor import diagnose, plan

    return lambda grant="", **plans: {
        stage.name: stage for stage in diagnose(plan(**plans), grant=grant).stages
    }
