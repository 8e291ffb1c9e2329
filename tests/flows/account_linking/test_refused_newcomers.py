"""A user who may not sign in does not get in by being linked to one who may."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from stateful_oauth.django.backends import Auth0Backend
from stateful_oauth.flows.oauth.errors import AccountRefused
from stateful_oauth.storage.models import AccountLink, Identity
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import XPTO

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


class NoGoogle(Auth0Backend):
    def may_sign_in(self, identity, user):
        if identity.subject.startswith("google-oauth2|"):
            raise AccountRefused("account_refused")


def test_an_inactive_user_whose_account_was_never_checked_for_links(tenant, browser, settings):
    """The newcomer has a user here, of before accounts were linked, and somebody deactivated it."""
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "LINKING": "off"}
    tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(XPTO)
    newcomer = Identity.objects.get()
    get_user_model().objects.filter(pk=newcomer.user_id).update(is_active=False)
    tenant.add_user(email=XPTO, password="a good one")
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "LINKING": "automatic"}

    again = Browser(tenant)
    address = again.visitor.authorize(again.start(), as_user=XPTO, connection="google-oauth2")
    assert again.get(address)["Location"].startswith("/auth/error/account_inactive/")
    assert again.user_id is None
    assert not tenant.ledger.count("identity_linked")
    assert tenant.requests["/api/v2/users-by-email"] == 0, (
        "Nobody else is asked about a user who may not sign in."
    )


def test_a_newcomer_whom_the_project_refuses(tenant, browser, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.NoGoogle"]
    tenant.add_user(email=XPTO, password="a good one")
    tenant.add_user(email=XPTO, connection="google-oauth2")
    address = browser.visitor.authorize(browser.start(), as_user=XPTO, connection="google-oauth2")
    assert browser.get(address)["Location"].startswith("/auth/error/account_refused/")
    assert browser.user_id is None
    assert not AccountLink.objects.exists()
    assert not tenant.ledger.count("identity_linked")
