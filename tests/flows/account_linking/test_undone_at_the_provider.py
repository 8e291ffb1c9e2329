"""A link that an administrator undid at Auth0 is noticed at the next sign-in, and not made again silently."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.storage.models import AccountLink, Identity
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import XPTO
from tests.support.link_pages import asked
from tests.support.rows import check_rows, nothing_working

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def rows_in_order():
    yield
    check_rows()
    nothing_working()


def choose(settings, linking):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "LINKING": linking}


@pytest.fixture
def linked(tenant, browser):
    browser.password = tenant.add_user(email=XPTO, password="a good one")
    browser.google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(browser.google.user_id)
    assert AccountLink.objects.get().unlinked_at is None
    return browser


@pytest.fixture
def linked_users(tenant, browser, settings):
    """As `linked`, but the secondary had a Django user before the accounts were linked."""
    choose(settings, "off")
    browser.password = tenant.add_user(email=XPTO, password="a good one")
    browser.google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(browser.password.user_id)
    other = Browser(tenant)
    other.sign_in(browser.google.user_id)
    browser.secondary_user = other.user_id
    choose(settings, "automatic")
    Browser(tenant).sign_in(browser.google.user_id)
    assert str(AccountLink.objects.get().secondary_user_id) == browser.secondary_user
    return browser


def unlink_at_auth0(tenant, browser):
    tenant.users.unlink(browser.password.user_id, "google-oauth2", browser.google.identities[0].user_id)


def closed(link):
    return link.unlinked_at is not None and link.evidence.get("undone_at_provider") is True


@pytest.mark.security("L7", "B45")
def test_sign_in_after_an_unlink_at_auth0_asks_before_it_links_again(tenant, linked):
    unlink_at_auth0(tenant, linked)
    again = Browser(tenant)
    question = asked(again, again.sign_in(linked.google.user_id))
    assert again.user_id is None
    assert len(tenant.users.get(linked.password.user_id).identities) == 1
    assert closed(AccountLink.objects.get())
    assert question.confirm(linked.password.user_id)["Location"] == "/profile/"
    assert again.user_id == linked.user_id
    assert AccountLink.objects.filter(unlinked_at=None).count() == 1
    assert AccountLink.objects.count() == 2, "The history is kept."


def test_link_undone_at_auth0_is_recorded_in_the_log(tenant, linked, caplog):
    unlink_at_auth0(tenant, linked)
    again = Browser(tenant)
    with caplog.at_level(logging.WARNING, logger="stateful_oauth.links"):
        again.sign_in(linked.google.user_id)
    assert [record.getMessage() for record in caplog.records if record.name == "stateful_oauth.links"] == [
        f"account link {AccountLink.objects.get().pk} was undone at the provider, not here: it is closed"
    ]


@pytest.mark.parametrize("linking", ["off", "automatic", "confirm"])
def test_account_apart_again_gets_its_own_django_user_back(tenant, linked_users, settings, linking):
    unlink_at_auth0(tenant, linked_users)
    choose(settings, linking)
    again = Browser(tenant)
    response = again.sign_in(linked_users.google.user_id)
    if linking != "off":
        asked(again, response).keep_apart()
    assert again.user_id == linked_users.secondary_user
    assert get_user_model().objects.count() == 2
    assert closed(AccountLink.objects.get())


@pytest.mark.security("L15")
@pytest.mark.parametrize("linking", ["off", "automatic"])
def test_inactive_user_is_not_replaced_by_a_new_one(tenant, linked_users, settings, linking):
    get_user_model().objects.filter(pk=linked_users.secondary_user).update(is_active=False)
    unlink_at_auth0(tenant, linked_users)
    choose(settings, linking)
    again = Browser(tenant)
    again.sign_in(linked_users.google.user_id)
    assert again.user_id is None
    assert get_user_model().objects.count() == 2


def test_sign_in_with_linking_off_closes_the_link_for_later(tenant, linked, settings):
    unlink_at_auth0(tenant, linked)
    choose(settings, "off")
    Browser(tenant).sign_in(linked.google.user_id)
    assert closed(AccountLink.objects.get())
    assert Identity.objects.filter(subject=linked.google.user_id).exists()


def test_account_whose_primary_was_deleted_at_auth0_signs_in_alone(tenant, linked):
    tenant.users.delete(linked.password.user_id)
    again = Browser(tenant)
    assert again.sign_in(linked.google.user_id)["Location"] == "/profile/"
    assert again.client.session["stateful_oauth"]["sub"] == linked.google.user_id
    assert closed(AccountLink.objects.get())


def test_account_that_is_moved_to_another_primary_closes_its_link(tenant, linked):
    """An administrator swaps the two: the account that was the secondary is the primary now."""
    unlink_at_auth0(tenant, linked)
    tenant.users.link(linked.google.user_id, "auth0", linked.password.identities[0].user_id)
    again = Browser(tenant)
    assert again.sign_in(linked.google.user_id)["Location"] == "/profile/"
    assert closed(AccountLink.objects.get())
    assert not AccountLink.objects.filter(unlinked_at=None).exists()


def test_link_that_lasts_is_not_touched_by_a_sign_in(tenant, linked):
    again = Browser(tenant)
    again.sign_in(linked.google.user_id)
    assert again.user_id == linked.user_id
    assert AccountLink.objects.get().unlinked_at is None
