"""Retiring an encryption key."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management import CommandError, call_command

from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.browser import Browser

pytestmark = pytest.mark.database


def under(*keys: str) -> dict:
    return {**settings.STATEFUL_OAUTH, "ENCRYPTION_KEYS": list(keys)}


def test_a_sign_in_that_began_under_the_old_key_ends_under_the_new_one(browser, tenant, settings, capsys):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.STATEFUL_OAUTH = under(old)
    location = browser.start()
    settings.STATEFUL_OAUTH = under(new, old)
    call_command("rotate_secrets", dry_run=True)
    call_command("rotate_secrets")
    assert capsys.readouterr().out == "to rotate: 1\nrotated: 1\n"
    settings.STATEFUL_OAUTH = under(new)
    assert browser.get(browser.authorize(location, "ada@example.com"))["Location"] == "/profile/"


def test_a_value_whose_key_is_gone_is_reported_and_left_alone(tenant, db, settings):
    settings.STATEFUL_OAUTH = under(Fernet.generate_key().decode())
    Browser(tenant).start()
    sealed = FlowTransaction.objects.get().secrets
    settings.STATEFUL_OAUTH = under(Fernet.generate_key().decode())
    with pytest.raises(CommandError, match="opens 1 values"):
        call_command("rotate_secrets")
    assert FlowTransaction.objects.get().secrets == sealed
