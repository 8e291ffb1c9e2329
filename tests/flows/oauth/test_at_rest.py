"""What is kept of a grant is sealed, goes from key to key, and shows itself nowhere."""

from __future__ import annotations

import logging

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.storage.grants import DjangoGrantStore
from stateful_oauth.storage.models import Identity, identity_digest
from tests.support.rows import dump

pytestmark = [pytest.mark.database, pytest.mark.django_db]

API = "https://calendar.example/"


@pytest.fixture
def tokens(tenant):
    """Every secret that the token endpoint hands out."""
    seen: list[str] = []

    def keep(body):
        seen.extend(body[name] for name in ("access_token", "refresh_token", "id_token") if name in body)

    tenant.token_reply_hook = keep
    return seen


@pytest.fixture
def grant(granted, tokens):
    grant = granted(rotation=True)
    grant.token()
    grant.token(API, "read:events")
    assert len(tokens) >= 7, "Three answers with their tokens."
    return grant


def leaks(text: str, tokens: list[str]) -> list[str]:
    return [token[:12] for token in tokens if token in text]


def under(*keys: str) -> dict:
    return {**django_settings.STATEFUL_OAUTH, "ENCRYPTION_KEYS": list(keys)}


@pytest.mark.security("S16")
def test_no_column_shows_a_token(grant, tokens):
    assert {place: found for place, text in dump().items() if (found := leaks(text, tokens))} == {}


def test_no_repr_shows_a_token(grant, tokens):
    loaded = DjangoGrantStore().load(grant.id)
    shown = f"{loaded!r}{loaded}{grant.token()!r}{loaded.access_tokens!r}{grant.row!r}{grant.row}"
    assert leaks(shown, tokens) == []


@pytest.mark.parametrize("fault", ["lost_answer", "malformed", "html", "rate_limit", "huge"])
def test_no_error_and_no_log_shows_a_token(grant, tokens, caplog, fault):
    grant.tenant.faults.add("/oauth/token", fault)
    with caplog.at_level(logging.DEBUG), pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is
        grant.token(API, "write:events")
    told, error = [], caught.value
    while error is not None:
        told.append(f"{error!r} {error}")
        error = error.__cause__ or error.__context__
    assert leaks(" ".join(told), tokens) == []
    assert leaks(caplog.text, tokens) == []


def test_a_narrowed_answer_shows_no_token(grant, tokens, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(ServiceRefused) as caught:
        grant.token(API, "delete:events")
    assert leaks(f"{caught.value!r} {caplog.text}", tokens) == []


def test_the_key_can_be_changed_under_it(grant, settings):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.STATEFUL_OAUTH = under(new, old)
    # Sealed with the key that SECRET_KEY stands for: what the ring has to keep until it is rotated.
    assert DjangoGrantStore().load(grant.id) is None
    settings.STATEFUL_OAUTH = under()
    kept = grant.token()
    settings.STATEFUL_OAUTH = under(old)
    assert DjangoGrantStore().load(grant.id) is None
    settings.STATEFUL_OAUTH = under()
    assert grant.token() == kept


def test_rotate_secrets_takes_refresh_and_access_tokens_along(granted, tokens, settings):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    grant = granted(rotation=True, ENCRYPTION_KEYS=[old])
    first = grant.token()
    settings.STATEFUL_OAUTH = under(new, old)
    call_command("rotate_secrets")
    settings.STATEFUL_OAUTH = under(new)
    assert grant.token() == first
    assert grant.token(API, "read:events"), "The refresh token works, too."
    assert grant.tenant.ledger.count("refresh_reused") == 0


def test_a_grant_that_no_key_opens_is_of_no_use_and_comes_back_with_the_key(grant, settings, caplog):
    before = grant.row.refresh_token, grant.row.access_tokens, grant.row.version
    settings.STATEFUL_OAUTH = under(Fernet.generate_key().decode())
    with caplog.at_level(logging.WARNING), pytest.raises(ServiceRefused) as caught:
        grant.token()
    assert caught.value.code == "grant_dead"
    assert grant.id in caplog.text
    assert (grant.row.refresh_token, grant.row.access_tokens, grant.row.version) == before
    settings.STATEFUL_OAUTH = under()
    assert grant.token()


def test_sealed_values_do_not_open_in_another_place(grant, granted):
    """Whoever can write to the database cannot give one user the tokens of another."""
    other = granted(rotation=True)
    other.token()
    stolen = grant.row
    type(stolen).objects.filter(pk=other.id).update(
        refresh_token=stolen.refresh_token, access_tokens=stolen.access_tokens
    )
    assert DjangoGrantStore().load(other.id) is None


@pytest.mark.parametrize("moved", ["user", "identity"])
def test_a_grant_that_is_moved_to_another_owner_does_not_open(grant, moved):
    """A row of the database may be changed by whoever gets at it, and the tokens go with the sign-in only."""
    row = grant.row
    grant.token()
    other = get_user_model().objects.create_user("other")
    identity = Identity.objects.create(
        digest=identity_digest(row.identity.issuer, "auth0|other"),
        issuer=row.identity.issuer,
        subject="auth0|other",
        user=other,
        created_at=row.created_at,
    )
    type(row).objects.filter(pk=grant.id).update(**{moved: other if moved == "user" else identity})
    assert DjangoGrantStore().load(grant.id) is None


def test_refresh_and_access_tokens_cannot_change_places(grant):
    row = grant.row
    type(row).objects.filter(pk=grant.id).update(
        refresh_token=row.access_tokens, access_tokens=row.refresh_token
    )
    assert wiring.access_tokens()._store.load(grant.id) is None
