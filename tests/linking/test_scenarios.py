"""The scenarios that the package was made for, each from the first page to the last."""

from __future__ import annotations

import pytest
from accounts_site import QWERTY, XPTO

from stateful_oauth.integrations.testing.browser import Browser
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, FlowTransaction, Identity

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def states() -> list[tuple[str, str, str]]:
    return list(FlowTransaction.objects.order_by("pk").values_list("kind", "state", "code"))


def test_a_connected_google_account_signs_in_later_and_is_linked_without_questions(tenant, browser):
    xpto = tenant.add_user(email=XPTO, password="a good one")
    qwerty = tenant.add_user(email=QWERTY, connection="google-oauth2", signed_up=False)
    browser.sign_in(XPTO)
    first = browser.user_id
    connected = browser.connect("google-oauth2", QWERTY, next_url="/accounts/")
    assert connected["Location"] == "/accounts/", states()
    account = ConnectedAccount.objects.get()
    assert (account.owner.subject, account.connection) == (xpto.user_id, "google-oauth2")
    assert account.provider_user_id == qwerty.identities[0].user_id
    browser.post("/auth/logout/")

    later = Browser(tenant)
    arrived = later.sign_in(QWERTY, next_url="/profile/")
    assert arrived["Location"] == "/profile/", states()
    assert later.user_id == first
    link = AccountLink.objects.get()
    assert (link.primary_subject, link.secondary_subject) == (xpto.user_id, qwerty.user_id)
    assert link.rule == "connected_account"
    assert [i.user_id for i in tenant.users.get(xpto.user_id).identities[1:]] == [
        qwerty.identities[0].user_id
    ]
    assert later.client.session["stateful_oauth"]["sub"] == xpto.user_id
    assert [identity.subject for identity in Identity.objects.all()] == [xpto.user_id]
