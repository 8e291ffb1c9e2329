"""Accounts that are linked without a question: the claims that are left are no ID token of the primary."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate

from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from tests.support.users_and_claims import CLAIM

pytestmark = [pytest.mark.database_in_ci, pytest.mark.django_db, pytest.mark.security("L17")]

ISSUER = "https://tenant.example/"


def arrive(claims, came_with=None):
    identity = VerifiedIdentity(
        issuer=ISSUER, subject="auth0|primary", claims=claims, came_with=came_with or {}, tenant="default"
    )
    return authenticate(None, identity=identity)


def test_newcomers_roles_give_the_primary_nothing_and_take_nothing_away(choose):
    choose(ROLES={"claim": CLAIM, "staff": ["support"], "superuser": ["admin"]})
    arrive({CLAIM: ["support"], "iat": 100})
    found = arrive({"email": "ada@example.com"}, {CLAIM: ["admin"], "iat": 200})
    assert (found.is_staff, found.is_superuser) == (True, False)
    found = arrive({"email": "ada@example.com", "iat": 300}, {CLAIM: [], "iat": 300})
    assert (found.is_staff, found.is_superuser) == (True, False)
