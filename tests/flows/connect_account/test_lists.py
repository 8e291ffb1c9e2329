"""The list of accounts, compared with the provider's: what it adds, and what it leaves alone."""

from __future__ import annotations

import pytest

from stateful_oauth.django.sessions.accounts import connected_accounts, refresh_connected_accounts
from stateful_oauth.storage.accounts import keep_in_step
from stateful_oauth.storage.models import ConnectedAccount
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import FIRST, HUB, SECOND
from tests.support.crashes import at
from tests.support.project_requests import request_of

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def test_what_is_connected_at_the_provider_and_unknown_here_is_listed_and_can_be_disconnected(tenant, owner):
    """Nobody could look any more when its completion was lost, say. It is evidence of nothing."""
    owner.connect("google-oauth2", FIRST)
    tenant.connect_account(owner.user.user_id, HUB, scopes=["read:user"])
    remote = next(row for row in tenant.connected_accounts(owner.user) if row.connection == "github")
    listed = refresh_connected_accounts(request_of(owner))
    assert [(row.connection, row.provider_user_id) for row in listed] == [
        ("google-oauth2", "100"), ("github", ""),
    ]  # fmt: skip
    new = listed[1]
    assert (new.remote_id, new.scopes, new.owner_verified) == (remote.id, ["read:user"], False)
    assert [row.pk for row in refresh_connected_accounts(request_of(owner))] == [row.pk for row in listed]
    later = Browser(tenant)
    later.sign_in(HUB)
    assert later.client.session["stateful_oauth"]["sub"] == HUB, "It links nobody."
    form = {"account": remote.id, "next": "/accounts/"}
    assert owner.post("/auth/disconnect/", form)["Location"] == "/accounts/"
    assert [row.connection for row in tenant.connected_accounts(owner.user)] == ["google-oauth2"]


def test_a_list_that_is_read_while_an_account_is_connected(tenant, owner):
    """The account is there at the provider, and nothing of it here yet."""
    with at("effect.after", "complete_connection", lambda: refresh_connected_accounts(request_of(owner))):
        owner.connect("google-oauth2", FIRST)
    row = ConnectedAccount.objects.get()
    assert (row.provider_user_id, row.owner_verified) == ("100", True)


def test_an_account_that_is_connected_while_the_list_is_read_is_not_dropped(tenant, owner):
    owner.connect("google-oauth2", FIRST)
    details = owner.client.session["stateful_oauth"]
    before = {row.remote_id for row in connected_accounts(request_of(owner))}
    owner.connect("google-oauth2", SECOND)
    keep_in_step(tenant.issuer, details["sub"], tenant="default", before=before, listed=[])
    [row] = connected_accounts(request_of(owner))
    assert row.provider_user_id == "101", "It was not there when the list was asked for."
