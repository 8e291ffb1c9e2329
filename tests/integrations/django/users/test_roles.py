"""`ROLES`: privileges follow the verified ID token, at each sign-in, up and down."""

from __future__ import annotations

import logging

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.models import Group

from stateful_oauth.django import Auth0Backend
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.storage.role_models import RoleGroup
from tests.support.users_and_claims import ADA, CLAIM, last_note, user_of

pytestmark = [pytest.mark.database_in_ci, pytest.mark.security("L17")]

STAFF = {"claim": CLAIM, "staff": ["support", "admin"], "superuser": ["admin"]}
EDITORS = {"claim": CLAIM, "groups": {"editor": "Editors", "lead": ["Editors", "Leads"]}}
MIRROR = {"claim": CLAIM, "groups": "mirror", "missing_groups": "make"}


class Sparing(Auth0Backend):
    """A project that decides itself about one user."""

    def takes_roles(self, identity, user):
        return identity.claims.get("email") != ADA


class Silent(Auth0Backend):
    """A project whose hook forgets to call the one above it."""

    def update_user(self, request, user, identity, created):
        pass


def flags(browser):
    user = user_of(browser)
    return user.is_staff, user.is_superuser


def groups(browser):
    return sorted(user_of(browser).groups.values_list("name", flat=True))


def make_groups(*names):
    Group.objects.bulk_create(Group(name=name) for name in names)


def signs_in(browser, claims, *roles):
    claims[CLAIM] = [*roles]
    assert browser.sign_in(ADA)["Location"] == "/profile/"


# Given and taken away.


def test_roles_are_given_at_the_first_sign_in(browser, claims, choose):
    choose(ROLES=STAFF)
    signs_in(browser, claims, "admin", "something else")
    assert flags(browser) == (True, True)


@pytest.mark.parametrize(
    ("roles", "expected"),
    [(["support"], (True, False)), ([], (False, False)), (["Admin", "support "], (False, False))],
)
def test_roles_are_taken_away_at_the_next_sign_in(browser, claims, choose, roles, expected):
    choose(ROLES=STAFF)
    signs_in(browser, claims, "admin")
    signs_in(browser, claims, *roles)
    assert flags(browser) == expected


def test_privileges_given_by_hand_are_taken_away_too(browser, claims, choose):
    choose(ROLES=STAFF)
    signs_in(browser, claims)
    get_user_model().objects.filter(pk=browser.user_id).update(is_staff=True, is_superuser=True)
    signs_in(browser, claims, "support")
    assert flags(browser) == (True, False)


def test_roles_without_the_setting_change_nothing(browser, claims):
    signs_in(browser, claims, "admin")
    assert flags(browser) == (False, False)


def test_privileges_that_the_setting_leaves_out_are_left_alone(browser, claims, choose):
    choose(ROLES={"claim": CLAIM, "staff": ["support"]})
    signs_in(browser, claims, "support")
    get_user_model().objects.filter(pk=browser.user_id).update(is_superuser=True)
    signs_in(browser, claims)
    assert flags(browser) == (False, True)


def test_missing_claim_means_no_roles(browser, claims, choose):
    choose(ROLES=STAFF)
    signs_in(browser, claims, "admin")
    del claims[CLAIM]
    browser.sign_in(ADA)
    assert flags(browser) == (False, False)


def test_missing_claim_changes_nothing_where_the_project_says_so(browser, claims, choose):
    choose(ROLES={**STAFF, "keep_if_absent": True})
    signs_in(browser, claims, "admin")
    del claims[CLAIM]
    browser.sign_in(ADA)
    assert flags(browser) == (True, True)
    signs_in(browser, claims)
    assert flags(browser) == (False, False)


def test_roles_are_read_at_a_path(browser, claims, choose):
    choose(ROLES={**STAFF, "claim": ["realm_access", "roles"]})
    claims["realm_access"] = {"roles": ["admin"]}
    browser.sign_in(ADA)
    assert flags(browser) == (True, True)


def test_other_sessions_of_the_user_lose_a_role_at_once(browser, another_browser, claims, choose):
    choose(ROLES=STAFF)
    signs_in(browser, claims, "admin")
    assert browser.get("/admin/").status_code == 200
    signs_in(another_browser(), claims)
    assert browser.get("/admin/").status_code == 302


# Who decides.


def test_roles_of_an_access_token_change_nothing(browser, tenant, choose):
    choose(ROLES=STAFF)
    tenant.action = lambda event, api: api.set_access_token_claim(CLAIM, ["admin"])
    browser.sign_in(ADA)
    assert flags(browser) == (False, False)


def test_excluded_user_keeps_what_operators_gave(browser, claims, choose, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Sparing"]
    choose(ROLES=STAFF)
    signs_in(browser, claims, "admin")
    assert flags(browser) == (False, False)
    get_user_model().objects.filter(pk=browser.user_id).update(is_staff=True)
    signs_in(browser, claims)
    assert flags(browser) == (True, False)


def test_own_hook_does_not_keep_roles_from_being_taken_away(browser, claims, choose, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Silent"]
    choose(ROLES=STAFF)
    signs_in(browser, claims, "admin")
    signs_in(browser, claims)
    assert flags(browser) == (False, False)


@pytest.mark.parametrize(
    ("issuer", "tenant_alias"),
    [("https://tenant.example/", ""), ("https://tenant.example/", "other"), ("https://else/", "default")],
)
def test_identity_that_no_tenant_has_verified_gets_no_roles(db, choose, issuer, tenant_alias):
    choose(ROLES=STAFF)
    found = authenticate(
        None,
        identity=VerifiedIdentity(
            issuer=issuer, subject="auth0|1", claims={CLAIM: ["admin"], "iat": 1}, tenant=tenant_alias
        ),
    )
    assert (found.is_staff, found.is_superuser) == (False, False)


def test_each_tenant_has_roles_of_its_own(db, choose):
    first = {"ISSUER": "https://one.example/", "CLIENT_ID": "a", "CLIENT_SECRET": "b" * 32, "ROLES": STAFF}
    other = {**first, "ISSUER": "https://two.example/", "ROLES": {}}
    choose(TENANTS={"default": first, "partners": other})
    for issuer, alias, expected in [
        ("https://one.example/", "default", True),
        ("https://two.example/", "partners", False),
    ]:
        identity = VerifiedIdentity(
            issuer=issuer, subject="auth0|1", claims={CLAIM: ["admin"], "iat": 1}, tenant=alias
        )
        assert authenticate(None, identity=identity).is_superuser is expected


# Claims of the wrong shape.


@pytest.mark.parametrize(
    "wrong",
    [
        "admin",
        7,
        True,
        {"admin": True},
        [["admin"]],
        ["admin", 7],
        ["admin", None],
        ["admin", ""],
        ["admin\n"],
        ["a" * 256],
        ["admin"] * 10_000,
        [f"role-{number}" for number in range(10_000)],
    ],
    ids=lambda value: str(value)[:30],
)
def test_claim_of_the_wrong_shape_changes_nothing_and_is_told(browser, claims, choose, caplog, wrong):
    make_groups("Editors")
    choose(ROLES={**STAFF, **EDITORS})
    signs_in(browser, claims, "support", "editor")
    claims[CLAIM] = wrong
    with caplog.at_level(logging.WARNING, "stateful_oauth.roles"):
        assert browser.sign_in(ADA)["Location"] == "/profile/"
    assert (flags(browser), groups(browser)) == ((True, False), ["Editors"])
    assert last_note().startswith("roles: unchanged, because the claim")
    assert "roles stay as they are" in caplog.text


# Groups.


def test_groups_are_given_and_taken_away_by_their_mapping(browser, claims, choose):
    make_groups("Editors", "Leads", "By hand")
    choose(ROLES=EDITORS)
    signs_in(browser, claims, "lead")
    assert groups(browser) == ["Editors", "Leads"]
    user_of(browser).groups.add(Group.objects.get(name="By hand"))
    signs_in(browser, claims, "editor")
    assert groups(browser) == ["By hand", "Editors"]
    signs_in(browser, claims)
    assert groups(browser) == ["By hand"]


def test_missing_group_is_told_and_not_made(browser, claims, choose):
    choose(ROLES=EDITORS)
    signs_in(browser, claims, "editor")
    assert not Group.objects.exists()
    assert last_note() == "roles: no group Editors"


def test_missing_group_is_made_where_the_project_says_so(browser, claims, choose):
    choose(ROLES={**EDITORS, "missing_groups": "make"})
    signs_in(browser, claims, "editor")
    assert groups(browser) == ["Editors"]
    assert not Group.objects.get().permissions.exists()


def test_mirror_makes_a_group_of_each_role(browser, claims, choose):
    choose(ROLES=MIRROR)
    signs_in(browser, claims, "writers", "readers")
    assert groups(browser) == ["readers", "writers"]
    signs_in(browser, claims, "readers", "a" * 151)
    assert groups(browser) == ["readers"]
    assert Group.objects.count() == 2


def test_mirror_gives_no_group_that_operators_made(browser, claims, choose):
    """A role is named at Auth0; what the group of that name may do was decided here, by other people."""
    make_groups("Payroll")
    choose(ROLES=MIRROR)
    signs_in(browser, claims, "Payroll")
    assert groups(browser) == []
    assert last_note() == "roles: no group Payroll"


def test_mirror_takes_no_group_away_that_operators_gave(browser, claims, choose):
    make_groups("Payroll")
    choose(ROLES=MIRROR)
    signs_in(browser, claims)
    user_of(browser).groups.add(Group.objects.get())
    signs_in(browser, claims)
    assert groups(browser) == ["Payroll"]


def test_mirror_gives_an_existing_group_that_the_setting_names(browser, claims, choose):
    make_groups("Payroll")
    choose(ROLES={**MIRROR, "mirror_existing": ["Payroll"]})
    signs_in(browser, claims, "Payroll")
    assert groups(browser) == ["Payroll"]
    signs_in(browser, claims)
    assert groups(browser) == []
    assert not RoleGroup.objects.exists()


# Organizations.


def at_organization(tenant, organization):
    tenant.id_token_hook = lambda claims, header: claims.update(org_id=organization)


def test_roles_of_an_organization_give_nothing_unless_it_is_named(browser, tenant, claims, choose):
    """The administrators of an organization may name their roles as they like."""
    choose(ROLES=STAFF)
    at_organization(tenant, "org_customer")
    signs_in(browser, claims, "admin")
    assert flags(browser) == (False, False)


def test_named_organization_has_rules_of_its_own(browser, tenant, claims, choose):
    make_groups("Editors", "Guests")
    own = {"staff": ["owner"], "groups": {"editor": "Guests"}}
    choose(ROLES={**STAFF, **EDITORS, "organizations": {"org_house": own}})
    at_organization(tenant, "org_house")
    signs_in(browser, claims, "owner", "admin", "editor")
    assert (flags(browser), groups(browser)) == ((True, False), ["Guests"])
    at_organization(tenant, "org_customer")
    signs_in(browser, claims, "owner", "admin", "editor")
    assert (flags(browser), groups(browser)) == ((False, False), [])


def test_mirror_of_an_organization_gives_no_group_that_a_rule_names(browser, tenant, claims, choose):
    make_groups("Editors")
    choose(ROLES={**EDITORS, "organizations": {"org_house": {"groups": "mirror"}}})
    at_organization(tenant, "org_house")
    signs_in(browser, claims, "Editors")
    assert groups(browser) == []


# What is written down.


def test_each_change_is_in_the_log_and_in_the_history_of_the_admin(browser, claims, choose):
    make_groups("Editors")
    choose(ROLES={**STAFF, **EDITORS})
    signs_in(browser, claims, "support", "editor")
    assert last_note() == "roles: +staff, +group Editors"
    signs_in(browser, claims, "admin")
    assert last_note() == "roles: +superuser, -group Editors"
    signs_in(browser, claims, "admin")
    assert last_note() == ""
    entries = LogEntry.objects.filter(object_id=browser.user_id).order_by("pk")
    assert [each.change_message for each in entries] == [
        "Roles at sign-in: +staff, +group Editors",
        "Roles at sign-in: +superuser, -group Editors",
    ]


def test_admin_shows_the_note_as_the_sites_own(browser, claims, choose, admin_client):
    choose(ROLES=STAFF)
    signs_in(browser, claims, "admin")
    row = FlowTransaction.objects.get()
    page = admin_client.get(f"/admin/stateful_oauth/flowtransaction/{row.pk}/change/").content.decode()
    assert "+staff, +superuser" in page
    assert "The provider says" not in page


def test_roles_survive_a_user_model_object_that_was_read_before(browser, claims, choose):
    choose(ROLES=STAFF)
    signs_in(browser, claims, "admin")
    user = user_of(browser)
    assert user.has_perm("auth.change_user")
    signs_in(browser, claims)
    assert not user_of(browser).has_perm("auth.change_user")
