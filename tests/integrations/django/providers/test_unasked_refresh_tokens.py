"""Refresh tokens that come without `offline_access`: kept and used, revoked, or dropped."""

from __future__ import annotations

from collections import Counter

import pytest

from stateful_oauth.django import access_token
from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import FlowTransaction, Grant
from tests.support.counting import counted
from tests.support.project_requests import request_of

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

ADA = "ada@example.com"


@pytest.fixture(autouse=True)
def generous(tenant):
    tenant.settings.refresh_without_asking = True


def end_grants():
    return FlowTransaction.objects.filter(kind="end_grant")


def test_token_is_kept_and_used_where_the_profile_says_so(browser, tenant, at):
    at("generic")
    browser.sign_in(ADA)
    assert str(Grant.objects.get(ended_at=None).pk) == browser.client.session["stateful_oauth"]["grant"]
    assert access_token(request_of(browser))
    assert tenant.ledger.count("refreshed") == 1
    assert not end_grants().exists()


def test_kept_token_is_revoked_at_the_sign_out(browser, tenant, at):
    at("cognito")
    browser.sign_in(ADA)
    browser.post("/auth/logout/")
    recover_due()
    assert tenant.ledger.count("refresh_revoked") == 1


def test_token_that_is_not_kept_is_revoked(browser, tenant):
    browser.sign_in(ADA)
    assert not Grant.objects.exists()
    recover_due()
    assert tenant.ledger.count("refresh_revoked") == 1


@pytest.mark.parametrize("profile", ["auth0", "generic"])
def test_token_that_cannot_be_revoked_leaves_no_row_behind(browser, tenant, configure, profile):
    configure(KEEP_UNASKED_REFRESH_TOKENS=False)
    tenant.settings.revocation_in_discovery = False
    browser.sign_in(ADA)
    assert not Grant.objects.exists()
    assert not end_grants().exists()
    assert browser.user_id is not None


def test_endpoint_of_the_settings_revokes_what_is_not_announced(browser, tenant, configure):
    configure(REVOCATION_ENDPOINT="https://tenant.example/oauth/revoke")
    tenant.settings.revocation_in_discovery = False
    browser.sign_in(ADA)
    recover_due()
    assert tenant.ledger.count("refresh_revoked") == 1


def test_failed_sign_in_leaves_no_row_behind_either(browser, tenant, at):
    at("generic")
    tenant.settings.revocation_in_discovery = False
    tenant.id_token_hook = lambda claims, _: claims.update(aud="another")
    browser.sign_in(ADA)
    assert browser.user_id is None
    assert not end_grants().exists()


def test_signing_out_leaves_no_row_where_no_token_can_be_revoked(browser, tenant, at):
    at("generic", SCOPE="openid offline_access")
    tenant.settings.revocation_in_discovery = False
    for _ in range(3):
        browser.sign_in(ADA)
        browser.post("/auth/logout/")
    assert Grant.objects.filter(ended_at=None).count() == 0
    assert Grant.objects.exclude(refresh_token=None).count() == 0
    assert not end_grants().exists()


def test_token_that_was_asked_for_is_kept_at_auth0_as_before(browser, configure):
    configure(SCOPE="openid offline_access")
    browser.sign_in(ADA)
    assert Grant.objects.filter(ended_at=None).count() == 1


def test_kept_token_costs_a_returning_user_one_statement(browser, another_browser, tenant, at):
    def statements() -> Counter[str]:
        with counted() as count:
            another_browser().sign_in(ADA)
        return Counter(count.statements)

    at("generic")
    browser.sign_in(ADA)
    tenant.settings.refresh_without_asking = False
    plain = statements()
    tenant.settings.refresh_without_asking = True
    assert statements() - plain == {"INSERT grant": 1}
