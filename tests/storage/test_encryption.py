"""Encryption at rest: rings of keys, places, and a database in which nobody finds a secret."""

from __future__ import annotations

import base64

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from stateful_oauth.django import wiring
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.storage import encryption
from stateful_oauth.storage.grants import DjangoGrantStore
from stateful_oauth.storage.models import Grant
from stateful_oauth.storage.store import DjangoTransactionStore
from tests.support import rows
from tests.support.attempts import Attempt
from tests.support.crashes import crash_at

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def ring(*keys: str) -> override_settings:
    return override_settings(STATEFUL_OAUTH={**settings.STATEFUL_OAUTH, "ENCRYPTION_KEYS": list(keys)})


@pytest.mark.parametrize("plaintext", [b"", b"x", b"\0\0", "ß".encode(), b"y" * 100_000])
def test_a_value_that_is_sealed_opens_in_its_context(plaintext):
    assert encryption.unseal(encryption.seal(plaintext, context="a:1"), context="a:1") == plaintext


def test_the_same_value_never_looks_the_same_twice():
    assert encryption.seal(b"x", context="a") != encryption.seal(b"x", context="a")


def test_after_a_rotation_old_values_open_and_new_ones_are_under_the_new_key():
    with ring(OLD):
        old = encryption.seal(b"x", context="a")
    with ring(NEW, OLD):
        assert encryption.unseal(old, context="a") == b"x"
        new = encryption.seal(b"y", context="a")
        rotated = encryption.rotate(old)
    with ring(NEW):
        assert encryption.unseal(new, context="a") == b"y"
        assert encryption.unseal(rotated, context="a") == b"x", "rotate() keeps the value, and its place."
        with pytest.raises(encryption.UndecryptableError, match="No key"):
            encryption.unseal(old, context="a")


@pytest.mark.parametrize("context", ["a:2", "b:1", "", "a:1\0", "a"])
def test_a_value_does_not_open_in_another_place(context):
    with pytest.raises(encryption.UndecryptableError, match="another encryption context"):
        encryption.unseal(encryption.seal(b"x", context="a:1"), context=context)


def test_a_place_cannot_be_forged_by_the_value():
    token = encryption.seal(b"1\0x", context="a")
    with pytest.raises(encryption.UndecryptableError):
        encryption.unseal(token, context="a\x001")


@pytest.mark.parametrize("position", [1, 20, 40, -5])
def test_a_changed_value_does_not_open(position):
    raw = bytearray(base64.urlsafe_b64decode(encryption.seal(b"x" * 40, context="a")))
    raw[position] ^= 1
    with pytest.raises(encryption.UndecryptableError):
        encryption.unseal(base64.urlsafe_b64encode(raw).decode(), context="a")


@pytest.mark.parametrize("token", ["", "x", "gAAAAA", "é", "a b", "\0"])
def test_what_is_no_token_does_not_open(token):
    with pytest.raises(encryption.UndecryptableError):
        encryption.unseal(token, context="a")


def test_an_error_says_where_and_never_what():
    with ring(OLD):
        token = encryption.seal(b"top secret", context="grant:7")
    with ring(NEW), pytest.raises(encryption.UndecryptableError) as caught:
        encryption.unseal(token, context="grant:7")
    assert "grant:7" in str(caught.value)
    assert token not in str(caught.value)


@pytest.mark.parametrize("keys", [["no key"], [""], [NEW, "short"], [7]])
def test_a_ring_with_something_else_in_it_is_a_mistake_of_the_settings(keys):
    with ring(*keys), pytest.raises(ImproperlyConfigured) as caught:
        encryption.seal(b"x", context="a")
    assert "ENCRYPTION_KEYS" in str(caught.value)
    assert "no key" not in str(caught.value)


def test_without_keys_of_its_own_it_follows_the_secret_key_and_its_fallbacks():
    with override_settings(SECRET_KEY="old"):
        old = encryption.seal(b"x", context="a")
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        assert encryption.unseal(old, context="a") == b"x"
    with (
        override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[]),
        pytest.raises(encryption.UndecryptableError),
    ):
        encryption.unseal(old, context="a")


@pytest.mark.database
@pytest.mark.django_db
def test_a_sign_in_that_began_under_an_old_key_ends_under_the_new_ring(tenant):
    with ring(OLD):
        attempt = Attempt(tenant, scope="openid offline_access").authorize()
    with ring(NEW, OLD):
        attempt.engine = wiring.engine()
        assert isinstance(attempt.deliver(), SignedIn)
    with ring(NEW):
        kept = DjangoGrantStore().load(str(Grant.objects.get().pk))
        assert kept is not None, "The grant is under the new key."


@pytest.mark.database
@pytest.mark.django_db
def test_secrets_copied_to_another_row_do_not_open_there(tenant):
    from stateful_oauth.flows.engine.errors import Quarantined
    from stateful_oauth.storage.models import FlowTransaction

    mine, yours = Attempt(tenant), Attempt(tenant)
    FlowTransaction.objects.filter(pk=mine.id).update(secrets=rows.the_row(yours.id).secrets)
    loaded = DjangoTransactionStore().load(mine.id)
    assert loaded is not None
    with pytest.raises(Quarantined):
        loaded.secrets["nonce"]


@pytest.mark.security("S16")
@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.parametrize("moment", ["waiting", "working", "over"])
def test_no_secret_stands_in_the_database(tenant, browser, moment):
    """At every moment of a sign-in, in every column of every table, log and sessions included."""
    scope = {**settings.STATEFUL_OAUTH, "SCOPE": "openid profile email offline_access"}
    issued: dict[str, str] = {}
    tenant.token_reply_hook = lambda body: issued.update(
        {name: body[name] for name in ("access_token", "id_token", "refresh_token")}
    )
    with override_settings(STATEFUL_OAUTH=scope):
        callback = browser.authorize(browser.start("/profile/"), "ada@example.com")
        loaded = DjangoTransactionStore().load(rows.the_row().pk)
        assert loaded is not None
        secrets = {name: secret.reveal() for name, secret in loaded.secrets.items()}
        assert set(secrets) == {"state", "nonce", "code_verifier"}
        secrets["code"] = callback.partition("code=")[2].partition("&")[0]
        secrets["binding cookie"] = next(
            m.value for m in browser.client.cookies.values() if "stateful" in m.key
        )
        if moment == "working":
            with crash_at("effect.after", "exchange_code"):
                browser.get(callback)
        elif moment == "over":
            browser.get(callback)
            assert browser.user_id
    secrets |= issued
    if moment != "waiting":
        assert set(issued) == {"access_token", "id_token", "refresh_token"}
    found = rows.dump()
    if moment == "over":
        assert Grant.objects.exists()
        assert loaded.id.hex in "".join(found.values()).replace("-", ""), (
            "The dump has the rows in it at all."
        )
    for name, secret in secrets.items():
        assert len(secret) > 15, f"{name} is too short for this search to mean anything."
        encodings = {secret, secret.encode().hex(), base64.b64encode(secret.encode()).decode().rstrip("=")}
        for place, text in found.items():
            readable = text + _decoded_session(text) if place.startswith("django_session.") else text
            for encoded in encodings:
                assert encoded not in readable, f"{name} stands in {place}."


def _decoded_session(text: str) -> str:
    from django.contrib.sessions.backends.db import SessionStore

    return str(SessionStore().decode(text)) if ":" in text else ""
