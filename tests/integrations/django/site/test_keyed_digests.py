"""Keyed digests against Django's own."""

from __future__ import annotations

import pytest
from django.utils.crypto import salted_hmac

from stateful_oauth.django.keyed_digests import keyed_digest
from stateful_oauth.flows.engine.secret import Secret


@pytest.mark.parametrize("secret", [None, "another key", b"bytes"])
@pytest.mark.parametrize("value", ["", "value", "ä"])
def test_keyed_digest_is_that_of_django(value, secret):
    expected = salted_hmac("use", value, secret, algorithm="sha256").digest()
    assert keyed_digest("use", value, secret) == keyed_digest("use", Secret(value), secret) == expected


def test_keyed_digest_follows_the_secret_key(settings):
    before = keyed_digest("use", "value")
    settings.SECRET_KEY = "another"
    assert keyed_digest("use", "value") == salted_hmac("use", "value", algorithm="sha256").digest() != before
