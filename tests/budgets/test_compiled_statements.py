"""Statements whose text is made once give what the ORM gives, on both databases."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.storage.identities import add_identity, find_identity
from stateful_oauth.storage.models import Grant, Identity, identity_digest
from stateful_oauth.storage.statements import Lookup
from tests.support.counting import counted

pytestmark = [pytest.mark.database, pytest.mark.django_db]

WHO = VerifiedIdentity(
    issuer="https://tenant.example/", subject="auth0|1", claims={"email": "ada@example.com"}
)
NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)


def columns(row: Any) -> dict[str, Any]:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return {name: bytes(value) if isinstance(value, memoryview) else value for name, value in values.items()}


@pytest.fixture
def identity() -> Identity:
    model = get_user_model()
    return add_identity(
        WHO, lambda: model.objects.create_user("ada", "ada@example.com", last_login=NOW), now=NOW
    )


def test_an_identity_comes_with_its_user_in_one_statement(identity):
    with counted() as count:
        found = find_identity(WHO)
        user = found.user
    assert count.statements == ["SELECT identity"]
    expected = Identity.objects.select_related("user").get()
    assert (found, columns(found), columns(user)) == (expected, columns(expected), columns(expected.user))
    assert (found._state.adding, found._state.db, user._state.db) == (False, "default", "default")


def test_what_was_found_can_be_saved(identity):
    found = find_identity(WHO)
    found.email = "countess@example.com"
    found.save(update_fields=["email"])
    found.user.first_name = "Ada"
    found.user.save()
    assert Identity.objects.get().email == "countess@example.com"
    assert get_user_model().objects.get().first_name == "Ada"


def test_nobody_is_found_by_another_subject(identity):
    assert find_identity(VerifiedIdentity(issuer=WHO.issuer, subject="AUTH0|1", claims={})) is None


def test_every_kind_of_column_is_converted(identity):
    key = uuid.uuid4()
    Grant.objects.create(
        id=key,
        identity=identity,
        user=identity.user,
        tenant="default",
        refresh_token="sealed",
        created_at=NOW,
    )
    lookup = Lookup(Grant, key="id", related="identity", alias="default")
    for _ in range(2):  # made, and kept
        found = lookup.get(key)
        expected = Grant.objects.select_related("identity").get()
        assert (columns(found), columns(found.identity)) == (columns(expected), columns(expected.identity))
    assert bytes(found.identity.digest) == identity_digest(WHO.issuer, WHO.subject)
