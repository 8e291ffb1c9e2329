"""The Django user of an identity: by issuer and subject, and by nothing else."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate, authenticate, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, models
from django.db.models.functions import Lower

from stateful_oauth.django.backends import Auth0Backend
from stateful_oauth.flows.oauth.errors import AccountRefused
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.storage.models import Identity
from tests.support.crashes import at
from tests.support.error_pages import shown
from tests.support.rows import check_rows, nothing_working, the_row

pytestmark = pytest.mark.database_in_ci

ADA, BOB = "ada@example.com", "bob@example.com"
ISSUER = "https://tenant.example/"
OURS = "stateful_oauth.django.backends.Auth0Backend"
PASSWORDS = "django.contrib.auth.backends.ModelBackend"


class GuestList(Auth0Backend):
    """A project's own backend."""

    def may_sign_in(self, identity, user):
        if identity.claims.get("email") != ADA:
            raise AccountRefused("account_refused", "Not on the list.")

    def make_user(self, identity):
        user = super().make_user(identity)
        user.first_name = "Guest"
        user.save()
        return user


class Broken(Auth0Backend):
    def make_user(self, identity):
        raise RuntimeError("the project's own mistake")


class Forgetful(Auth0Backend):
    """Leaves out what the user model requires."""

    def make_user(self, identity):
        return users().create(username="another", email=None)


class Clashing(Auth0Backend):
    """Meets a constraint of the database, whichever."""

    def make_user(self, identity):
        raise IntegrityError("23505")


class Strict(ModelBackend):
    """Somebody else's backend, which stops everybody."""

    def authenticate(self, request, identity=None, **credentials):
        raise PermissionDenied


def users():
    return get_user_model().objects


def identity(subject="auth0|1", issuer=ISSUER, **claims):
    return VerifiedIdentity(issuer=issuer, subject=subject, claims=claims)


def user_of(*args, **claims):
    return authenticate(None, identity=identity(*args, **claims))


# Who somebody is.


def test_the_same_identity_is_the_same_user_however_often_it_comes(browser, another_browser):
    browser.sign_in(ADA)
    elsewhere = another_browser()
    elsewhere.sign_in(ADA)
    assert browser.user_id == elsewhere.user_id
    assert users().count() == Identity.objects.count() == 1


@pytest.mark.security("L1", "L3")
def test_the_same_address_with_another_subject_is_another_user(browser, another_browser, tenant):
    """An address is no key, verified or not."""
    browser.sign_in(ADA)
    tenant.add_user(email=ADA, connection="github", email_verified=True)
    elsewhere = another_browser()
    elsewhere.get(elsewhere.visitor.authorize(elsewhere.start(), ADA, connection="github"))
    assert elsewhere.user_id not in (None, browser.user_id)
    assert list(users().values_list("email", flat=True)) == [ADA, ADA]


@pytest.mark.security("L1")
def test_a_user_whom_the_project_made_by_hand_is_not_taken_over_by_address(browser):
    """An account that was there before."""
    admin = users().create_superuser("admin", email=ADA, password="a password")
    browser.sign_in(ADA)
    assert browser.user_id != str(admin.pk)
    assert not users().get(pk=browser.user_id).is_superuser


@pytest.mark.security("L4", "L5")
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("auth0|Sub", "auth0|sub"),
        ("auth0|straße", "auth0|strasse"),
        ("auth0|\u212a", "auth0|k"),  # the Kelvin sign
        ("auth0|m\u0131ke", "auth0|mike"),
        ("auth0|a", "auth0|a."),
        ("auth0|a", "auth0|a "),
        ("auth0|a", "auth0|a\u0301"),
        ("a|b_c", "a_b|c"),
        ("auth0|1", "auth0|01"),
    ],
)
@pytest.mark.usefixtures("db")
def test_subjects_that_only_look_alike_are_two_users(one, other):
    """Compared byte by byte, whatever the database thinks of letters."""
    first, second = user_of(one), user_of(other)
    assert first.pk != second.pk
    assert first.username != second.username
    assert user_of(one).pk == first.pk


@pytest.mark.usefixtures("db")
def test_the_same_subject_at_another_issuer_is_another_user():
    assert user_of("auth0|1").pk != user_of("auth0|1", "https://other.example/").pk


@pytest.mark.security("L16")
@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(
    ("fields", "expected"), [({}, "ada@new.example"), ({"email": None}, "chosen@example.com")]
)
def test_email_of_an_identity_is_kept_true_and_the_users_own_unless_it_opts_out(
    browser, tenant, settings, fields, expected
):
    """An email may change; it belongs to people to read."""
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "USER_FIELDS": fields}
    browser.sign_in(ADA)
    users().update(email="chosen@example.com")
    ada = tenant.people.users[next(iter(tenant.people.users))]
    ada.email, ada.email_verified = "ada@new.example", True
    browser.sign_in(ADA)
    assert Identity.objects.get().email == "ada@new.example"
    assert users().get().email == expected


# The user that is made.


@pytest.mark.usefixtures("db")
def test_a_new_user_has_the_names_of_the_claims_and_no_usable_password():
    user = user_of(email=ADA, given_name="Ada", family_name="Lovelace")
    assert (user.email, user.first_name, user.last_name) == (ADA, "Ada", "Lovelace")
    assert not user.has_usable_password()
    assert user.username.startswith("auth0-")
    assert user.username != "1"


@pytest.mark.security("L17", "B49")
@pytest.mark.usefixtures("db")
def test_no_claim_gives_a_user_any_privileges():
    user = user_of(
        is_staff=True, is_superuser=True, is_active=False, groups=["admin"], roles=["admin"],
        username="admin", id=1, pk=1, password="x", user_permissions=["auth.add_user"],
    )  # fmt: skip
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)
    assert user.username != "admin"
    assert not user.groups.exists()
    assert not user.get_all_permissions()


@pytest.mark.security("B42")
@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"email": None, "given_name": None},
        {"email": 7, "given_name": ["Ada"], "family_name": {"a": 1}, "email_verified": "true"},
        {"email": "", "given_name": ""},
        {"email": "a" * 400 + "@example.com", "given_name": "A" * 400, "family_name": "L" * 400},
        {"given_name": "Ada \U0001f469\u200d\U0001f4bb", "family_name": "\u202eevil"},
    ],
    ids=["none", "null", "wrong types", "empty", "too long", "letters"],
)
def test_odd_claims_make_a_user_all_the_same(browser, tenant, claims):
    """Everything but the subject is optional, and nothing that a person may choose breaks it."""

    def odd(token, header):
        token.update(claims)

    tenant.id_token_hook = odd
    assert browser.sign_in(ADA)["Location"] == "/profile/"
    check_rows()


def test_claims_with_nul_make_a_user_all_the_same(browser, tenant):
    """PostgreSQL does not store NUL, and JSON can carry it."""
    tenant.id_token_hook = lambda claims, header: claims.update(given_name="A\0da", family_name="\0")
    assert browser.sign_in(ADA)["Location"] == "/profile/"
    assert (users().get().first_name, users().get().last_name) == ("Ada", "")


@pytest.mark.parametrize(
    "email", ["a\0da@example.com", "ada@example.com\n", "a\x85@example.com", "a" * 250 + "@example.com"]
)
def test_an_address_that_cannot_be_kept_to_the_letter_is_left_out(browser, tenant, email):
    """A part of an address is another person's."""
    tenant.id_token_hook = lambda claims, header: claims.update(email=email)
    assert browser.sign_in(ADA)["Location"] == "/profile/"
    assert users().get().email == ""


@pytest.mark.usefixtures("db")
def test_no_control_character_and_no_half_of_a_pair_reaches_the_database():
    """A claim that did not come through our JSON: from another provider, or a test."""
    user = user_of(email="a\ud800@example.com", given_name="A\x1b[2Jd\x7fa\ud83d", family_name="\ud800\r\n")
    user.refresh_from_db()
    assert (user.email, user.first_name, user.last_name) == ("", "A[2Jda", "")


@pytest.mark.usefixtures("db")
def test_names_that_are_too_long_are_cut():
    user = user_of(given_name="A" * 400, family_name="L" * 400)
    assert (user.first_name, user.last_name) == ("A" * 150, "L" * 150)


@pytest.mark.parametrize("length", [12, 30, 38, 150, None])
@pytest.mark.usefixtures("db")
def test_the_username_fits_its_column(monkeypatch, length):
    monkeypatch.setattr(get_user_model()._meta.get_field("username"), "max_length", length)
    first, second = user_of("auth0|1"), user_of("auth0|2")
    assert len(first.username) == len(second.username) == min(length or 38, 38)
    assert first.username != second.username


def test_a_user_whose_row_was_deleted_starts_anew(browser):
    browser.sign_in(ADA)
    first = browser.user_id
    users().all().delete()
    browser.sign_in(ADA)
    assert users().count() == Identity.objects.count() == 1
    assert browser.user_id is not None
    assert first is not None


def test_somebody_deleted_while_they_sign_in_starts_anew(browser):
    browser.sign_in(ADA)
    with at("effect.after", "exchange_code", lambda: users().all().delete()):
        assert browser.sign_in(ADA)["Location"] == "/profile/"
    assert users().count() == 1
    nothing_working()


# Who may not sign in.


@pytest.mark.security("L15", "B49")
def test_an_inactive_user_is_refused_and_nothing_is_written(browser, tenant, known_user):
    """Refused, not re-activated."""
    user = known_user(is_active=False)
    ada = tenant.people.users[next(iter(tenant.people.users))]
    ada.email, ada.email_verified = "ada@new.example", True
    response = browser.get(browser.visitor.authorize(browser.start(), ADA))
    assert shown(browser, response) == ("account_inactive", 403)
    user.refresh_from_db()
    assert (user.is_active, user.last_login) == (False, None)
    assert Identity.objects.get().email == ADA
    assert browser.user_id is None
    assert the_row().state == "failed"


@pytest.mark.security("L15")
def test_an_inactive_user_is_refused_before_anything_is_written_by_whoever_asks(known_user):
    """The same holds outside the engine's transaction."""
    known_user(is_active=False)
    row = Identity.objects.get()
    with pytest.raises(AccountRefused, match="account_inactive"):
        authenticate(None, identity=identity(row.subject, email="new@example.com"))
    assert Identity.objects.get().email == ADA


def test_a_projects_backend_decides_who_may_sign_in_and_how_users_are_made(
    browser, another_browser, settings
):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.GuestList"]
    assert browser.sign_in(ADA)["Location"] == "/profile/"
    assert users().get().first_name == "Guest"
    assert browser.client.session["_auth_user_backend"] == f"{__name__}.GuestList"
    elsewhere = another_browser()
    assert shown(elsewhere, elsewhere.sign_in(BOB)) == ("account_refused", 403)
    assert users().count() == 1


@pytest.mark.security("L5", "L11")
def test_a_username_that_is_taken_is_a_conflict_and_no_takeover(browser, another_browser):
    another_browser().sign_in(ADA)
    taken = users().get().username
    users().all().delete()
    users().create_user(taken)
    assert shown(browser, browser.sign_in(ADA)) == ("account_conflict", 409)
    assert not Identity.objects.exists()
    assert browser.user_id is None


@pytest.mark.security("L11")
@pytest.mark.parametrize(
    ("unique", "constraints", "code"),
    [
        (True, [], "account_conflict"),
        (False, [models.UniqueConstraint(fields=["email"], name="one")], "account_conflict"),
        (False, [models.UniqueConstraint(Lower("email"), name="one")], "account_conflict"),
        (False, [], None),
        (False, [models.UniqueConstraint(fields=["email", "username"], name="one")], None),
    ],
    ids=["column", "constraint", "expression", "not unique", "not alone"],
)
@pytest.mark.usefixtures("db")
def test_an_address_is_a_conflict_where_it_must_be_unique(monkeypatch, settings, unique, constraints, code):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Clashing"]
    options = get_user_model()._meta
    monkeypatch.setattr(options.get_field("email"), "unique", unique)
    monkeypatch.setattr(options, "constraints", constraints)
    folded = bool(constraints and constraints[0].expressions)
    users().create_user("somebody", email=ADA.upper() if folded else ADA)
    with pytest.raises(AccountRefused, match=code or "user_not_created"):
        user_of(email=ADA)
    with pytest.raises(AccountRefused, match="user_not_created"):
        user_of(email=BOB)


def test_what_the_user_model_requires_and_lacks_is_reported_and_no_conflict(
    settings, another_browser, caplog, db
):
    """The project's mistake: as a conflict it would look like every visitor's own."""
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Forgetful"]
    browser = another_browser()
    assert shown(browser, browser.sign_in(ADA)) == ("user_not_created", 503)
    assert (the_row().state, the_row().code) == ("failed", "user_not_created")
    [told] = [each for each in caplog.records if each.name == "stateful_oauth.backends"]
    assert (told.levelname, told.exc_info is not None) == ("ERROR", True)
    assert not users().exists()
    nothing_working()


def test_an_exception_of_the_project_is_reported_and_leaves_nothing_working(
    tenant, settings, another_browser, db
):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Broken"]
    browser = another_browser()
    browser.client.raise_request_exception = False
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    assert browser.get(callback).status_code == 500
    assert (the_row().state, the_row().code) == ("failed", "internal_error")
    nothing_working()
    assert not users().exists()
    assert shown(browser, browser.get(callback)) == ("internal_error", 500)


# Beside other backends.


@pytest.mark.parametrize("order", [(OURS, PASSWORDS), (PASSWORDS, OURS)])
def test_passwords_still_work_beside_it_and_it_still_works_beside_them(browser, settings, order):
    settings.AUTHENTICATION_BACKENDS = list(order)
    root = users().create_user("root", password="correct horse")
    assert authenticate(None, username="root", password="correct horse") == root
    assert authenticate(None, username="root", password="wrong") is None
    assert browser.sign_in(ADA)["Location"] == "/profile/"
    assert browser.client.session["_auth_user_backend"] == OURS


def test_the_backend_takes_no_passwords_at_all(db, settings):
    users().create_user("root", password="correct horse")
    assert authenticate(None, username="root", password="correct horse") is None
    assert async_to_sync(aauthenticate)(None, username="root", password="correct horse") is None


@pytest.mark.django_db(transaction=True)
def test_it_authenticates_in_async_code_as_well():
    """Django 5.2: `ModelBackend.aauthenticate` is about passwords."""
    user = async_to_sync(aauthenticate)(None, identity=identity("auth0|1"))
    assert user is not None
    assert user.pk == user_of("auth0|1").pk


def test_a_backend_that_stops_everybody_stops_this_too(browser, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Strict", OURS]
    assert shown(browser, browser.sign_in(ADA)) == ("account_refused", 403)
