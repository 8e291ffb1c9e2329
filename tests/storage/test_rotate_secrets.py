"""Retiring an encryption key."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

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


def test_rotation_in_batches_reaches_every_value_once(tenant, db, settings, capsys):
    settings.STATEFUL_OAUTH = under(Fernet.generate_key().decode())
    for _ in range(5):
        Browser(tenant).start()
    old = settings.STATEFUL_OAUTH["ENCRYPTION_KEYS"]
    settings.STATEFUL_OAUTH = under(Fernet.generate_key().decode(), *old)
    call_command("rotate_secrets", batch=2, verbosity=3)
    shown = capsys.readouterr()
    assert shown.out == "rotated: 5\n"
    assert shown.err.count("stateful_oauth_flowtransaction.secrets up to") == 3
    call_command("rotate_secrets", batch=2)
    assert capsys.readouterr().out == "rotated: 0\n"
    settings.STATEFUL_OAUTH = under(settings.STATEFUL_OAUTH["ENCRYPTION_KEYS"][0])
    call_command("rotate_secrets")


def test_rotation_needs_no_server_side_cursor(browser, settings):
    """PgBouncer in transaction mode gives the next fetch to another connection."""
    browser.start()
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    with CaptureQueriesContext(connection) as queries:
        call_command("rotate_secrets", verbosity=0)
    assert not [each for each in queries if "DECLARE" in each["sql"].upper()]


def test_a_value_whose_key_is_gone_is_reported_and_left_alone(tenant, db, settings):
    settings.STATEFUL_OAUTH = under(Fernet.generate_key().decode())
    Browser(tenant).start()
    sealed = FlowTransaction.objects.get().secrets
    settings.STATEFUL_OAUTH = under(Fernet.generate_key().decode())
    with pytest.raises(CommandError, match="opens 1 values"):
        call_command("rotate_secrets")
    assert FlowTransaction.objects.get().secrets == sealed
