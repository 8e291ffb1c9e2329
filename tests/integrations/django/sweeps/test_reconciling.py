"""`flows_reconcile` finds what others changed at Auth0, repairs what is certain, and can go on."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from stateful_oauth.django import wiring
from stateful_oauth.django.conf import TENANT_DEFAULTS
from stateful_oauth.django.sweeps.reconciling import reconcile
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.storage import reconciling as reconciling_rows
from stateful_oauth.storage.identities import add_identity
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, Grant, Identity, TenantDifference
from tests.support import accounts_site
from tests.support.accounts_site import XPTO

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

DIFFERENCES = "/admin/stateful_oauth/tenantdifference/"


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
    code, printed = run("flows_reconcile")
    assert (code, "account_gone: users:" in printed, "account_unknown" in printed) == (0, True, True)
    assert ConnectedAccount.objects.get().remote_id == row.remote_id
    ConnectedAccount.objects.all().delete()
    assert run("flows_reconcile") == (0, ""), "Whoever has none here is not asked about."
    code, printed = run("flows_reconcile", "--grants")
    assert (code, "account_unknown: grants:" in printed) == (0, True)


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


def test_user_that_was_linked_elsewhere_is_reported_with_its_primary(run, tenant, browser, admin_client):
    accounts_site.prepare(tenant)
    with accounts_site.site(LINKING="off"):
        primary = tenant.add_user(email=XPTO, password="a good one")
        google = tenant.add_user(email=XPTO, connection="google-oauth2")
        browser.sign_in(google.user_id)
        tenant.users.link(primary.user_id, "google-oauth2", google.identities[0].user_id)
        code, printed = run("flows_reconcile", "--format=json")
        assert json.loads(printed.splitlines()[0])["differences"][0]["linked_to"] == primary.user_id
        code, printed = run("flows_reconcile")
    assert code == 1
    assert (
        f"user_gone: users:{Identity.objects.get().pk} {google.user_id} (linked to {primary.user_id})"
        in printed
    )
    assert TenantDifference.objects.get().linked_to == primary.user_id
    assert primary.user_id in admin_client.get(DIFFERENCES).content.decode()


def test_deleted_user_is_linked_to_no_other(run, tenant, linked):
    tenant.users.delete(linked.password.user_id)
    tenant.add_user(email=XPTO, connection="github")  # another account of the same email
    assert "(linked to" not in run("flows_reconcile")[1]
    assert {each.linked_to for each in TenantDifference.objects.all()} == {""}


@pytest.fixture
def connected(tenant, linked):
    sign_in_again(tenant, linked)
    tenant.add_user(email="hub@example.com", connection="github", signed_up=False)
    linked.connect("github", "hub@example.com")
    return ConnectedAccount.objects.get()


def test_connected_account_that_another_site_removed_is_dropped(run, tenant, linked, connected):
    assert run("flows_reconcile") == (0, "")
    tenant.vault.disconnect(tenant.vault.get(connected.remote_id))
    code, printed = run("flows_reconcile", "--dry-run")
    assert (code, "account_gone: users:" in printed, ConnectedAccount.objects.count()) == (1, True, 1)
    code, printed = run("flows_reconcile")
    assert (code, "account_gone: users:" in printed, ConnectedAccount.objects.count()) == (0, True, 0)
    assert not TenantDifference.objects.exists()


def test_blocked_user_stays_on_the_list_whatever_its_accounts_are(run, tenant, linked, connected):
    tenant.vault.disconnect(tenant.vault.get(connected.remote_id))
    tenant.users.patch(linked.password.user_id, {"blocked": True})
    code, printed = run("flows_reconcile")
    assert (code, "account_gone" in printed) == (1, True)
    assert TenantDifference.objects.get().what == "user_blocked"


def test_connected_accounts_of_several_pages_are_all_read(tenant, linked):
    sign_in_again(tenant, linked)
    provider, subject = wiring.provider("default"), linked.password.user_id
    for number in range(45):
        email = f"hub-{number}@example.com"
        tenant.add_user(email=email, connection="github", signed_up=False)
        linked.connect("github", email)
    listed = provider.management.connected_accounts(subject, time_limit=10)
    assert len({each.id for each in listed}) == 45
    assert {each.id for each in listed} == set(ConnectedAccount.objects.values_list("remote_id", flat=True))


def test_rows_are_read_a_page_at_a_time(linked, monkeypatch):
    for number in range(5):
        user = get_user_model().objects.create_user(f"user-{number}")
        subject = linked._tenant.add_user(email=f"user-{number}@example.com").user_id
        identity = VerifiedIdentity(issuer=linked._tenant.issuer, subject=subject, claims={})
        add_identity(identity, lambda user=user: user, now=wiring.clock.now())
    monkeypatch.setattr(reconciling_rows, "PAGE", 2)
    seen = []
    report = reconcile("default", progress=seen.append)
    assert (report.compared, seen) == (7, [*range(1, 8)])
    assert report.counts == {}


def test_run_that_a_rate_limit_stopped_is_resumed_where_it_stopped(run, tenant, linked):
    tenant.faults.add("/api/v2/users/{id}", "rate_limit", None, skip=1)
    code, printed = run("flows_reconcile", "--wait=0")
    after = f"links:{AccountLink.objects.get().pk}"
    assert (code, f"Go on with --after={after}." in printed) == (1, True)
    tenant.faults.clear()
    code, printed = run("flows_reconcile", f"--after={after}", "--format=json")
    assert (code, json.loads(printed)["compared"]) == (0, 1)


def test_since_leaves_out_what_is_older(run, tenant, linked, clock):
    clock.advance(3 * 86_400)
    tenant.users.patch(linked.password.user_id, {"blocked": True})
    code, printed = run("flows_reconcile", "--since=2d", "--format=json")
    assert (code, json.loads(printed)["compared"]) == (0, 0)
    assert run("flows_reconcile", "--since=4d")[0] == 1


def test_progress_is_reported_on_long_work(run, linked):
    code, printed = run("flows_reconcile", "-v", "3")
    assert (code, "comparing: 2 so far" in printed) == (0, True)


def test_only_rows_of_the_chosen_tenant_are_compared(run, tenant, linked, settings):
    """Both are at one emulator here; the links and the issuer of the other are not this tenant's."""
    own = {key: value for key, value in settings.STATEFUL_OAUTH.items() if key in TENANT_DEFAULTS}
    site = {key: value for key, value in settings.STATEFUL_OAUTH.items() if key not in TENANT_DEFAULTS}
    elsewhere = {**own, "ISSUER": "https://other.example/"}
    settings.STATEFUL_OAUTH = {**site, "TENANTS": {"default": own, "other": elsewhere}}
    tenant.users.patch(linked.password.user_id, {"blocked": True})
    code, printed = run("flows_reconcile", "--tenant=other", "--format=json")
    assert (code, json.loads(printed)["compared"]) == (0, 0)
    assert run("flows_reconcile", "--tenant=default")[0] == 1
    assert TenantDifference.objects.get().tenant == "default"
    run("flows_reconcile", "--tenant=other")
    assert TenantDifference.objects.exists(), "A whole run of another tenant forgets nothing of this one."
    assert run("flows_reconcile", "--tenant=nowhere")[0] == 2


def test_list_needs_its_permission_and_changes_nothing(run, tenant, linked, client, django_user_model):
    tenant.users.patch(linked.password.user_id, {"blocked": True})
    run("flows_reconcile")
    page = f"{DIFFERENCES}{TenantDifference.objects.get().pk}/change/"
    user = django_user_model.objects.create_user("staff", is_staff=True)
    client.force_login(user, backend="stateful_oauth.django.backends.Auth0Backend")
    assert [client.get(each).status_code for each in (DIFFERENCES, page)] == [403, 403]
    user.user_permissions.add(Permission.objects.get(codename="view_tenantdifference"))
    assert [client.get(each).status_code for each in (DIFFERENCES, page)] == [200, 200]
    assert client.post(page, {"what": "nothing"}).status_code == 403
    assert client.get(f"{DIFFERENCES}add/").status_code == 403
    assert TenantDifference.objects.get().what == "user_blocked"
