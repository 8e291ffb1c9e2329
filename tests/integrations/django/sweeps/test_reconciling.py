"""`flows_reconcile` finds what others changed at Auth0, repairs what is certain, and can go on."""

from __future__ import annotations

import json

import pytest

from stateful_oauth.django.sweeps.reconciling import reconcile
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, Grant, Identity, TenantDifference
from tests.support import accounts_site
from tests.support.accounts_site import XPTO

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def linked(tenant, browser):
    accounts_site.prepare(tenant)
    with accounts_site.site():
        browser.password = tenant.add_user(email=XPTO, password="a good one")
        browser.google = tenant.add_user(email=XPTO, connection="google-oauth2")
        browser.sign_in(browser.google.user_id)
        yield browser


def unlink_at_auth0(tenant, browser):
    tenant.users.unlink(browser.password.user_id, "google-oauth2", browser.google.identities[0].user_id)


def test_tenant_that_agrees_has_no_differences(run, linked):
    code, printed = run("flows_reconcile", "--format=json")
    report = json.loads(printed)
    assert (code, report["compared"], report["counts"]) == (0, 2, {})
    assert run("flows_reconcile") == (0, "")


def test_link_undone_at_auth0_is_closed(run, tenant, linked):
    unlink_at_auth0(tenant, linked)
    code, printed = run("flows_reconcile")
    assert (code, "link_undone" in printed, "(repaired)" in printed) == (0, True, True)
    assert AccountLink.objects.get().unlinked_at is not None
    assert run("flows_reconcile") == (0, "")


def test_dry_run_closes_no_link(run, tenant, linked):
    unlink_at_auth0(tenant, linked)
    code, printed = run("flows_reconcile", "--dry-run")
    assert (code, "link_undone" in printed) == (1, True)
    assert AccountLink.objects.get().unlinked_at is None


def test_deleted_user_is_left_to_an_operator(run, tenant, linked):
    tenant.users.delete(linked.password.user_id)
    code, printed = run("flows_reconcile")
    assert code == 1
    assert "primary_gone: links:" in printed
    assert "user_gone: users:" in printed
    assert AccountLink.objects.get().unlinked_at is None
    assert Identity.objects.exists()


def test_run_goes_on_after_the_row_that_it_is_given(linked):
    first = reconcile("default", limit=1)
    assert (first.compared, first.after) == (1, f"links:{AccountLink.objects.get().pk}")
    second = reconcile("default", after=first.after)
    assert (second.compared, second.after) == (1, f"users:{Identity.objects.get().pk}")
    assert reconcile("default", after=second.after).compared == 0


def test_rate_limit_is_waited_for_within_bounds(tenant, linked):
    tenant.faults.add("/api/v2/users/{id}", "rate_limit", 1)
    report = reconcile("default", longest_wait=3600)
    assert (report.compared, report.stopped) == (2, "")
    tenant.faults.add("/api/v2/users/{id}", "rate_limit", None)
    assert reconcile("default", longest_wait=0).stopped == "rate_limited"


@pytest.mark.parametrize(
    "option",
    ["--after=users", "--after=grants:1", "--after=bills:1", "--grants --dry-run", "--since=7", "--limit=0"],
)
def test_invalid_option_is_refused_before_any_call(run, tenant, linked, option):
    assert run("flows_reconcile", *option.split())[0] == 2


def test_site_without_the_management_api_is_told(run, linked, settings):
    settings.STATEFUL_OAUTH = {
        **settings.STATEFUL_OAUTH,
        "LINKING": "off",
        "MANAGEMENT_CLIENT_ID": "",
        "MANAGEMENT_CLIENT_SECRET": "",
    }
    assert run("flows_reconcile")[0] == 2


def sign_in_again(tenant, browser):
    browser.client.cookies.clear()
    browser.sign_in(browser.password.user_id)


def test_connected_account_that_is_gone_is_dropped(run, tenant, linked):
    sign_in_again(tenant, linked)
    tenant.add_user(email="hub@example.com", connection="github", signed_up=False)
    linked.connect("github", "hub@example.com")
    assert run("flows_reconcile", "--grants") == (0, "")
    row = ConnectedAccount.objects.get()
    ConnectedAccount.objects.filter(pk=row.pk).update(remote_id="cac_gone")
    code, printed = run("flows_reconcile", "--grants")
    assert (code, "account_gone: grants:" in printed, "account_unknown" in printed) == (0, True, True)
    assert ConnectedAccount.objects.get().remote_id == row.remote_id


def test_grant_that_auth0_refuses_is_ended(run, tenant, linked):
    sign_in_again(tenant, linked)
    grant = Grant.objects.get(ended_at=None)
    tenant.users.delete(linked.password.user_id)
    code, printed = run("flows_reconcile", "--grants")
    assert (code, f"grant_dead: grants:{grant.pk}" in printed) == (1, True)
    grant.refresh_from_db()
    assert (grant.code, grant.refresh_token) == ("grant_dead", None)
    last = reconcile("default", after=f"grants:{grant.pk}", grants=True)
    assert last.compared == 0


def test_operator_sees_in_the_admin_what_is_left(run, tenant, linked, admin_client):
    blocked = Identity.objects.get()
    tenant.users.patch(blocked.subject, {"blocked": True})
    run("flows_reconcile", "--dry-run")
    assert not TenantDifference.objects.exists()
    run("flows_reconcile")
    page = admin_client.get("/admin/stateful_oauth/tenantdifference/").content.decode()
    assert "user_blocked" in page
    assert f"users:{blocked.pk}" in page
    tenant.users.patch(blocked.subject, {"blocked": False})
    run("flows_reconcile")
    assert not TenantDifference.objects.exists()


def test_whole_run_forgets_differences_of_rows_that_are_gone(run, tenant, linked, in_ten_minutes):
    tenant.users.patch(linked.password.user_id, {"blocked": True})
    run("flows_reconcile")
    assert TenantDifference.objects.get().what == "user_blocked"
    Identity.objects.all().delete()
    in_ten_minutes()
    run("flows_reconcile", "--since=1h")
    assert TenantDifference.objects.exists()
    run("flows_reconcile")
    assert not TenantDifference.objects.exists()
