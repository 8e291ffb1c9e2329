"""A newcomer who is blocked right before the link is not linked, and stays blocked."""

from __future__ import annotations

import pytest

from stateful_oauth.storage.models import AccountLink
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import QWERTY, XPTO
from tests.support.crashes import at

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

GOOGLE, BY_EMAIL, USER = "google-oauth2", "/api/v2/users-by-email", "/api/v2/users/{id}"


@pytest.fixture
def newcomer(tenant, browser):
    """An account that another user has connected, with an email of its own."""
    tenant.add_user(email=XPTO, password="a good one")
    account = tenant.add_user(email=QWERTY, connection=GOOGLE, signed_up=False)
    browser.sign_in(XPTO)
    browser.connect(GOOGLE, QWERTY)
    return account


@pytest.mark.parametrize("call", [BY_EMAIL, USER])
def test_newcomer_blocked_while_the_accounts_are_read_is_not_linked(tenant, newcomer, call):
    """At the moment of the last read but one: the last one sees it."""
    later, users = Browser(tenant), tenant.users
    get, armed = users.get, []

    def block_then_get(user_id):
        if armed and user_id != newcomer.user_id:
            tenant.block_user(newcomer.user_id)
        return get(user_id)

    def arm():
        armed.append(True)
        if call == BY_EMAIL:
            tenant.block_user(newcomer.user_id)

    users.get = block_then_get
    with at("effect.before", "link_accounts", arm):
        later.sign_in(QWERTY)
    assert armed
    assert later.user_id is None
    assert not AccountLink.objects.exists()
    assert tenant.users.get(newcomer.user_id).blocked


def test_newcomer_who_is_not_blocked_is_linked(tenant, newcomer):
    later = Browser(tenant)
    assert later.sign_in(QWERTY)["Location"] == "/profile/"
    assert AccountLink.objects.get().secondary_subject == newcomer.user_id
