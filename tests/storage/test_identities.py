"""Identities are found by their bytes, on both databases, and there is one of each."""

from __future__ import annotations

import itertools
import threading

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from stateful_oauth.django import wiring
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.storage.identities import add_identity, find_identity, refresh_identity
from stateful_oauth.storage.models import Identity, identity_digest
from tests.support.together import together

pytestmark = [pytest.mark.security("L4", "L5"), pytest.mark.database, pytest.mark.django_db]

ISSUER = "https://tenant.example/"

# Pairs that some database, collation, normalization or case folding takes for the same.
ALIKE = {
    "case": ("auth0|Sub", "auth0|sub"),
    "sharp s": ("auth0|ß", "auth0|ss"),
    "capital sharp s": ("auth0|ẞ", "auth0|ß"),
    "trailing dot": ("auth0|a", "auth0|a."),
    "trailing space": ("auth0|a", "auth0|a "),
    "leading space": ("auth0|a", " auth0|a"),
    "turkish dotless i": ("auth0|\u0131", "auth0|i"),
    "turkish dotted I": ("auth0|İ", "auth0|I"),
    "composed and decomposed": ("auth0|é", "auth0|e\u0301"),
    "full width": ("auth0|a", "auth0|\uff41"),
    "cyrillic": ("auth0|a", "auth0|\u0430"),
    "zero width": ("auth0|a", "auth0|a\u200b"),
    "kelvin": ("auth0|K", "auth0|\u212a"),
    "number-like": ("1", "1.0"),
    "leading zero": ("7", "07"),
    "wildcard": ("auth0|%", "auth0|_"),
}
ISSUERS = {
    "slash": ("https://tenant.example/", "https://tenant.example"),
    "case": ("https://tenant.example/", "https://Tenant.example/"),
    "scheme": ("https://tenant.example/", "http://tenant.example/"),
    "port": ("https://tenant.example/", "https://tenant.example:443/"),
    "trailing dot": ("https://tenant.example/", "https://tenant.example./"),
}
_names = itertools.count()


def of(subject: str, issuer: str = ISSUER, **claims: object) -> VerifiedIdentity:
    return VerifiedIdentity(issuer=issuer, subject=subject, claims=claims)


def make_user():
    return get_user_model().objects.create_user(f"user {next(_names)}")


def add(identity: VerifiedIdentity) -> Identity:
    return add_identity(identity, make_user, now=wiring.clock.now())


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE)
def test_subjects_that_look_alike_are_two_people(one, other):
    first = add(of(one))
    assert find_identity(of(other)) is None, f"{other!r} found {one!r}."
    second = add(of(other))
    assert first.user_id != second.user_id
    for subject, made in ((one, first), (other, second)):
        found = find_identity(of(subject))
        assert found is not None
        assert (found.pk, found.subject, found.user.pk) == (made.pk, subject, made.user_id)


@pytest.mark.parametrize(("one", "other"), ISSUERS.values(), ids=ISSUERS)
def test_issuers_that_look_alike_are_two_issuers(one, other):
    add(of("auth0|1", one))
    assert find_identity(of("auth0|1", other)) is None


def test_issuer_and_subject_cannot_be_cut_elsewhere():
    assert identity_digest("https://a/", "b|1") != identity_digest("https://a/b", "|1")


def test_the_digest_is_a_promise_to_the_rows_that_are_there():
    """When this fails nobody finds their account any more: it needs a migration of every row."""
    assert identity_digest("https://tenant.example/", "auth0|1").hex() == (
        "424cb7b7724cfe57d4442e0cde407639180d4ad98755659326f576eb0d81e3a8"
    )


def test_nobody_is_found_by_e_mail():
    add(of("auth0|1", email="ada@example.com", email_verified=True))
    assert find_identity(of("auth0|2", email="ada@example.com", email_verified=True)) is None


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"email": "a@b.example", "email_verified": True}, ("a@b.example", True)),
        ({"email": "a@b.example", "email_verified": "true"}, ("a@b.example", False)),
        ({"email": "a@b.example", "email_verified": 1}, ("a@b.example", False)),
        ({"email": "a@b.example"}, ("a@b.example", False)),
        ({"email": ["a@b.example"]}, ("", False)),
        ({"email": None, "email_verified": None}, ("", False)),
        ({"email": "x" * 999}, ("x" * 320, False)),
    ],
)
def test_what_is_kept_for_people_to_read(claims, expected):
    row = add(of("auth0|1", **claims))
    row.refresh_from_db()
    assert (row.email, row.email_verified) == expected
    refresh_identity(row, of("auth0|1", email="new@b.example", email_verified=True), now=wiring.clock.now())
    row.refresh_from_db()
    assert (row.email, row.email_verified) == ("new@b.example", True)


def test_refreshing_what_has_not_changed_writes_nothing(django_assert_num_queries):
    row = add(of("auth0|1", email="a@b.example"))
    with django_assert_num_queries(0):
        refresh_identity(row, of("auth0|1", email="a@b.example"), now=wiring.clock.now())


def test_adding_an_identity_that_is_there_returns_it_and_leaves_no_user_behind():
    first = add(of("auth0|1"))
    again = add(of("auth0|1"))
    assert (again.pk, again.user_id) == (first.pk, first.user_id)
    assert get_user_model().objects.count() == 1


def test_a_user_that_cannot_be_made_is_the_projects_mistake():
    from django.db import IntegrityError

    get_user_model().objects.create_user("ada")
    with pytest.raises(IntegrityError):
        add_identity(
            of("auth0|1"), lambda: get_user_model().objects.create_user("ada"), now=wiring.clock.now()
        )
    assert not Identity.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_workers_that_add_the_same_identity_at_once_get_the_same_row():
    if connection.vendor != "postgresql":
        pytest.skip("needs writers in parallel")
    for round_ in range(3):
        identity, everybody = of(f"auth0|{round_}"), threading.Barrier(8)

        def one(identity=identity, everybody=everybody) -> int:
            assert find_identity(identity) is None
            everybody.wait(30)  # all have looked, and nobody is there
            return add(identity).user_id

        users = together([one] * 8)
        assert len(set(users)) == 1, f"One person became {len(set(users))} users."
        assert get_user_model().objects.count() == round_ + 1, "The losers left users behind."
