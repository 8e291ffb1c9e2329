"""The pages of identities, grants, connected accounts and links: to be read, and in nobody's way."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from stateful_oauth.storage.models import Grant, Identity, identity_digest
from stateful_oauth.testing.clock import ManualClock
from tests.support.account_rows import ISSUER, MODELS, Accounts, make_accounts
from tests.support.on_call import OnCall

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db]


@pytest.fixture
def accounts(clock: ManualClock, db: None) -> Accounts:
    make_accounts(clock, "bob")
    return make_accounts(clock)


def at(model: str, *parts: Any) -> str:
    return "/".join(["/admin/stateful_oauth", model, *map(str, parts), ""])


@pytest.mark.parametrize("model", MODELS)
def test_a_row_can_be_read_and_nothing_else(operator, accounts, model):
    row = accounts.rows[model]
    before = type(row).objects.values().get(pk=row.pk)
    assert f"/{row.pk}/change/" in operator.page(at(model))
    page = operator.page(at(model, row.pk, "change"))
    assert '<input type="submit"' not in page
    assert operator.post(at(model, row.pk, "change"), {"email": "new@example.com"}).status_code == 403
    assert operator.get(at(model, "add")).status_code == 403
    assert operator.post(at(model, row.pk, "delete"), {"post": "yes"}).status_code == 403
    deleting = {"action": "delete_selected", "_selected_action": [str(row.pk)], "index": "0", "post": "yes"}
    operator.post(at(model), deleting)
    assert type(row).objects.values().get(pk=row.pk) == before


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "term",
    [
        lambda accounts: "ada",
        lambda accounts: "ada@example.com",
        lambda accounts: str(accounts.user.pk),
        lambda accounts: "auth0|ada",
    ],
    ids=["name", "e-mail", "key", "subject"],
)
def test_a_row_is_found_by_its_user(operator, accounts, model, term):
    page = operator.page(at(model), {"q": term(accounts)})
    assert f"/{accounts.rows[model].pk}/change/" in page
    assert page.count("/change/") == page.count(f"/{accounts.rows[model].pk}/change/"), "only Ada's"


def test_a_link_is_found_by_the_subject_that_is_no_user_any_more(operator, accounts):
    page = operator.page(at("accountlink"), {"q": "google-oauth2|ada"})
    assert f"/{accounts.link.pk}/change/" in page


def test_a_grant_is_found_by_its_id(operator, accounts):
    page = operator.page(at("grant"), {"q": str(accounts.grant.pk)[:18]})
    assert f"/{accounts.grant.pk}/change/" in page


@pytest.mark.parametrize("model", MODELS)
def test_each_page_has_its_own_permission(staff, accounts, model):
    row, viewer = accounts.rows[model], staff(f"view_{model}")
    assert viewer.get(at(model)).status_code == 200
    assert viewer.get(at(model, row.pk, "change")).status_code == 200
    for other in set(MODELS) - {model}:
        assert viewer.get(at(other)).status_code == 403


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        ("grant", "refresh_token__startswith"),
        ("grant", "access_tokens__contains"),
        ("grant", "identity__user__password__startswith"),
        ("identity", "digest"),
        ("identity", "user__password__startswith"),
        ("accountlink", "secondary_digest__gt"),
    ],
)
def test_no_column_can_be_asked_for_by_an_address(operator, accounts, model, lookup):
    assert operator.get(at(model), {lookup: "g"}).status_code == 400


@pytest.mark.parametrize("how", ["from the page of the user", "from the list of users"])
def test_a_user_can_still_be_deleted_with_all_that_is_theirs(operator, accounts, how):
    """Django refuses when the admin of a related row says that it may not be deleted."""
    if how == "from the page of the user":
        path, data = f"/admin/auth/user/{accounts.user.pk}/delete/", {"post": "yes"}
        assert "your account doesn't have permission" not in operator.page(path)
    else:
        path = "/admin/auth/user/"
        data = {"action": "delete_selected", "_selected_action": [str(accounts.user.pk)], "post": "yes"}
    assert operator.post(path, data).status_code == 302
    assert not get_user_model().objects.filter(pk=accounts.user.pk).exists()
    assert not Identity.objects.filter(pk=accounts.identity.pk).exists()
    assert not Grant.objects.filter(pk=accounts.grant.pk).exists()


def test_the_lists_of_others_offer_no_way_to_delete(operator, accounts):
    page = operator.page("/admin/auth/user/")
    assert "/admin/stateful_oauth/grant/" in page
    assert "/admin/stateful_oauth/grant/add/" not in page


def test_long_lists_are_paged_without_counting(operator, clock):
    oncall: OnCall = operator
    people = get_user_model().objects.bulk_create(get_user_model()(username=f"u{n}") for n in range(101))
    Identity.objects.bulk_create(
        Identity(
            digest=identity_digest(ISSUER, f"auth0|{n}"), issuer=ISSUER, subject=f"auth0|{n}", user=user,
            created_at=clock.now(),
        )
        for n, user in enumerate(people)
    )  # fmt: skip
    first = oncall.page(at("identity"))
    assert "100 users&#x27; identities on this page" in first
    oldest = Identity.objects.order_by("-pk")[99].pk
    assert f'href="?before={oldest}"' in first
    assert "1 identity on this page" in oncall.page(at("identity"), {"before": oldest})


def test_page_of_a_user_shows_identities_grants_and_links_to_read(operator, accounts):
    page = operator.page(f"/admin/auth/user/{accounts.user.pk}/change/")
    assert "auth0|ada" in page
    assert "google-oauth2|ada" in page, "what is linked to it"
    assert str(accounts.grant.pk) in page
    assert 'name="auth0_identities-0-subject"' not in page, "no field to edit"
    assert "sealed" not in page
    assert "auth0_identities" not in operator.page("/admin/auth/user/add/")


def test_page_of_a_user_is_saved_as_before(operator, accounts):
    path = f"/admin/auth/user/{accounts.user.pk}/change/"
    fields = dict(re.findall(r'name="([A-Za-z0-9_-]+_FORMS)" value="([0-9]+)"', operator.page(path)))
    joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
    response = operator.post(path, {**fields, **joined, "username": "ada", "first_name": "Augusta"})
    assert response.status_code == 302, re.findall("errorlist.*", response.content.decode())
    assert get_user_model().objects.get(pk=accounts.user.pk).first_name == "Augusta"
    assert Grant.objects.filter(user=accounts.user).exists()


def test_page_of_a_user_shows_what_the_operator_may_see(staff, accounts):
    carol = staff("view_identity")
    carol.user.user_permissions.add(Permission.objects.get(codename="view_user"))
    page = carol.page(f"/admin/auth/user/{accounts.user.pk}/change/")
    assert "auth0|ada" in page
    assert str(accounts.grant.pk) not in page
