"""Fields of users that follow the claims: `USER_FIELDS`, the hooks, and the signal."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth import get_user_model
from django.db.models import UniqueConstraint
from django.test import TestCase

from stateful_oauth.django import Auth0Backend, signed_in
from stateful_oauth.storage.models import Identity
from tests.support import tenants
from tests.support.counting import counted
from tests.support.users_and_claims import ADA, user_of

pytestmark = pytest.mark.database_in_ci


TOLD: list[object] = []


class Finding(Auth0Backend):
    """A project that knows its users by a claim of its own."""

    def find_user(self, identity):
        return get_user_model().objects.filter(username=identity.claims.get("employee")).first()


class Telling(Auth0Backend):
    """A project that does more than the setting does."""

    def update_user(self, request, user, identity, created):
        super().update_user(request, user, identity, created)
        TOLD.append((request is not None, user.first_name, identity.subject, created))


def rename(browser, **claims):
    tenants.current[-1].id_token_hook = lambda found, header: found.update(claims)
    assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_names_follow_the_claims_at_each_sign_in(browser):
    rename(browser, given_name="Ada", family_name="Byron")
    rename(browser, given_name="Ada", family_name="Lovelace")
    assert user_of(browser).get_full_name() == "Ada Lovelace"


def test_absent_claims_leave_a_field_as_it_is(browser):
    rename(browser, given_name="Ada", family_name="Byron")
    rename(browser, given_name=None, family_name="Lovelace")
    assert user_of(browser).get_full_name() == "Ada Lovelace"


def test_sign_in_without_a_change_writes_no_user(browser):
    rename(browser, given_name="Ada")
    address = browser.authorize(browser.start(), ADA)
    with counted() as count:
        browser.get(address)
    # The second one notes the time of the login, which Django does.
    assert count.statements.count("UPDATE auth_user") == 1


def test_several_changes_are_one_update(browser):
    rename(browser, given_name="Ada", family_name="Byron")
    tenants.current[-1].id_token_hook = lambda found, header: found.update(given_name="A", family_name="L")
    address = browser.authorize(browser.start(), ADA)
    with counted() as count:
        browser.get(address)
    assert count.statements.count("UPDATE auth_user") == 2


def test_setting_names_other_fields_by_name_and_by_path(browser, choose):
    path = ["https://example.com/profile", "name", "last"]
    choose(USER_FIELDS={"first_name": "nickname", "last_name": path})
    rename(browser, nickname="ada", **{path[0]: {"name": {"last": "King"}}})
    assert user_of(browser).get_full_name() == "ada King"


def test_email_follows_only_when_it_is_verified(browser):
    rename(browser)
    rename(browser, email="new@example.com", email_verified=False)
    assert user_of(browser).email == ADA
    rename(browser, email="new@example.com", email_verified=True)
    assert user_of(browser).email == "new@example.com"


def test_email_stays_where_the_project_opts_out(browser, choose):
    choose(USER_FIELDS={"email": None})
    rename(browser)
    rename(browser, email="new@example.com", email_verified=True)
    assert user_of(browser).email == ADA


@pytest.mark.security("L17")
@pytest.mark.parametrize("field", ["is_staff", "is_superuser", "is_active", "password", "id", "groups"])
def test_claims_never_set_a_privilege_as_a_field(browser, choose, field):
    """Even if the system check was silenced."""
    rename(browser)
    before = user_of(browser)
    choose(USER_FIELDS={field: "x"})
    rename(browser, x=0 if field == "is_active" else True)
    after = user_of(browser)
    assert (after.pk, after.password) == (before.pk, before.password)
    assert (after.is_active, after.is_staff, after.is_superuser) == (True, False, False)


@pytest.mark.parametrize("wrong", [7, True, ["Ada"], {"a": 1}], ids=["number", "flag", "list", "object"])
def test_claim_that_a_field_does_not_take_leaves_it_and_is_told(browser, caplog, wrong):
    rename(browser, given_name="Ada")
    with caplog.at_level(logging.WARNING, "stateful_oauth.users"):
        rename(browser, given_name=wrong)
    assert user_of(browser).first_name == "Ada"
    assert "the claim for first_name" in caplog.text


@pytest.mark.parametrize(("claim", "kept"), [("A" * 200, "A" * 150), ("A\x00d\x07a", "Ada"), ("", "")])
def test_text_is_kept_as_every_database_takes_it(browser, claim, kept):
    rename(browser, given_name=claim)
    assert user_of(browser).first_name == kept


def test_value_that_another_user_has_alone_leaves_the_field(browser, choose, caplog):
    get_user_model().objects.create(username="taken")
    choose(USER_FIELDS={"username": "nickname", "first_name": "given_name"})
    rename(browser)
    before = user_of(browser).username
    with caplog.at_level(logging.WARNING, "stateful_oauth.users"):
        rename(browser, nickname="taken", given_name="Ada")
    user = user_of(browser)
    assert (user.username, user.first_name) == (before, "Ada")
    assert "another user has the value" in caplog.text


def test_email_that_another_user_has_alone_leaves_the_field(browser, monkeypatch):
    """A constraint that the database does not know here: the savepoint is what is tried."""
    options = get_user_model()._meta
    monkeypatch.setattr(options, "constraints", [UniqueConstraint(fields=["email"], name="one_email")])
    rename(browser)
    rename(browser, email="new@example.com", email_verified=True)
    assert user_of(browser).email == "new@example.com"


# The hooks.


def test_user_that_the_project_finds_gets_the_identity(browser, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Finding"]
    there = get_user_model().objects.create_user("e-17", email="")
    rename(browser, employee="e-17", given_name="Ada")
    assert browser.user_id == str(there.pk)
    rename(browser, employee="another")
    assert browser.user_id == str(there.pk)
    assert user_of(browser).first_name == "Ada"
    assert get_user_model().objects.count() == Identity.objects.count() == 1


def test_inactive_user_that_the_project_finds_gets_no_identity(browser, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Finding"]
    get_user_model().objects.create_user("e-17", is_active=False)
    tenants.current[-1].id_token_hook = lambda found, header: found.update(employee="e-17")
    assert browser.sign_in(ADA)["Location"].startswith("/auth/error/account_inactive/")
    assert not Identity.objects.exists()


def test_hook_is_told_of_each_sign_in_and_whether_the_user_is_new(browser, settings, tenant):
    TOLD.clear()
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Telling"]
    rename(browser, given_name="Ada")
    rename(browser, given_name="A.")
    subject = Identity.objects.get().subject
    assert [(True, "Ada", subject, True), (True, "A.", subject, False)] == TOLD


def test_new_identity_whose_sub_is_a_username_is_told(browser, tenant, caplog):
    user = tenant.add_user(email="carol@example.com", user_id="carol")
    get_user_model().objects.create_user(user.user_id)
    with caplog.at_level(logging.WARNING, "stateful_oauth.backends"):
        browser.sign_in("carol@example.com")
    assert "adopt_users --from username" in caplog.text
    assert get_user_model().objects.count() == 2


# The signal.


@pytest.fixture
def heard():
    heard = []

    def receiver(sender, request, user, claims, created, **kwargs):
        heard.append((sender, request and request.path, str(user.pk), claims["email"], created))

    signed_in.connect(receiver)
    yield heard
    signed_in.disconnect(receiver)


def test_receivers_hear_of_a_sign_in_with_its_claims(browser, heard):
    with TestCase.captureOnCommitCallbacks(execute=True):
        browser.sign_in(ADA)
        browser.sign_in(ADA)
    model, path = get_user_model(), "/auth/callback/"
    assert heard == [(model, path, browser.user_id, ADA, True), (model, path, browser.user_id, ADA, False)]


def test_receiver_that_raises_changes_nothing(browser, heard):
    def broken(**kwargs):
        raise RuntimeError("the project's own mistake")

    signed_in.connect(broken)
    try:
        with TestCase.captureOnCommitCallbacks(execute=True):
            assert browser.sign_in(ADA)["Location"] == "/profile/"
    finally:
        signed_in.disconnect(broken)
    assert len(heard) == 1


def test_refused_sign_in_is_no_sign_in(browser, heard):
    browser.sign_in(ADA)
    get_user_model().objects.update(is_active=False)
    heard.clear()
    with TestCase.captureOnCommitCallbacks(execute=True):
        browser.sign_in(ADA)
    assert heard == []
