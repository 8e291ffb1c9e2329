"""What fields and roles that follow the claims add to a sign-in: nothing where nothing is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import override_settings

from stateful_oauth.testing.browser import Browser
from tests.budgets.test_statements import CALLBACK
from tests.support.counting import counted
from tests.support.users_and_claims import ADA, CLAIM

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

DECISION = ["UPDATE roledecision"]
FLAGS = [*DECISION, "SELECT auth_user"]
HISTORY = ["INSERT django_admin_log"]

STAFF = {"claim": CLAIM, "staff": ["support"]}
GROUPS = {**STAFF, "groups": {"editor": "Editors"}}
MIRROR = {**STAFF, "groups": "mirror", "missing_groups": "make"}


@pytest.fixture
def returns(tenant) -> Callable[..., list[str]]:
    """Return what a second sign-in of a user asks, before the log of the transaction is written."""

    def measure(keys: dict[str, Any], first: dict[str, Any], second: dict[str, Any]) -> list[str]:
        with override_settings(STATEFUL_OAUTH={**settings.STATEFUL_OAUTH, **keys}):
            tenant.id_token_hook = lambda claims, header: claims.update(first)
            Browser(tenant).sign_in(ADA)
            tenant.id_token_hook = lambda claims, header: claims.update(second)
            browser = Browser(tenant)
            address = browser.authorize(browser.start(), ADA)
            with counted() as count:
                assert browser.get(address)["Location"] == "/profile/"
            assert count.commits == 3
        return count.statements

    return measure


def with_these(*statements: str) -> list[str]:
    at = CALLBACK.index("SELECT identity") + 1
    return [*CALLBACK[:at], *statements, *CALLBACK[at:]]


@pytest.mark.parametrize(
    ("keys", "first", "second", "added"),
    [
        ({}, {"given_name": "Ada"}, {"given_name": "Ada"}, []),
        ({"USER_FIELDS": {"email": None}}, {}, {"given_name": "Ada"}, []),
        ({}, {"given_name": "Ada"}, {"given_name": "A.", "family_name": "L."}, ["UPDATE auth_user"]),
        ({"KEPT_CLAIMS": ["email", "sub", "aud"]}, {}, {}, []),
        ({"ROLES": STAFF}, {CLAIM: ["support"]}, {CLAIM: ["support"]}, FLAGS),
        ({"ROLES": STAFF}, {CLAIM: ["support"]}, {CLAIM: "support"}, []),
        ({"ROLES": STAFF}, {CLAIM: ["support"]}, {CLAIM: []}, [*FLAGS, "UPDATE auth_user", *HISTORY]),
        ({"ROLES": GROUPS}, {CLAIM: ["editor"]}, {CLAIM: ["editor"]}, [*FLAGS, "SELECT auth_group"]),
        (
            {"ROLES": MIRROR},
            {CLAIM: ["editor"]},
            {CLAIM: ["editor"]},
            [*FLAGS, "SELECT auth_group", "SELECT rolegroup"],
        ),
        (
            {"ROLES": GROUPS},
            {CLAIM: ["editor"]},
            {CLAIM: []},
            [*FLAGS, "SELECT auth_group", "DELETE auth_user_groups", *HISTORY],
        ),
    ],
    ids=[
        "names as they are",
        "claims of no field",
        "two names change",
        "claims that the session keeps",
        "flags as they are",
        "a claim of the wrong shape",
        "a flag is taken away",
        "groups as they are",
        "mirrored groups as they are",
        "a group is taken away",
    ],
)
def test_returning_user_costs_what_its_settings_decide(returns, keys, first, second, added):
    Group.objects.get_or_create(name="Editors")
    if "ROLES" in keys and keys["ROLES"] is MIRROR:
        Group.objects.all().delete()
    assert returns(keys, first, second) == with_these(*added)
