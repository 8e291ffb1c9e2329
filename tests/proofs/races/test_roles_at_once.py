"""Sign-ins of one user at once, each with other roles: the newest token decides, even if it commits first."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import override_settings

from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.storage.models import Identity
from tests.support.together import together
from tests.support.users_and_claims import CLAIM

pytestmark = [pytest.mark.database, pytest.mark.security("L17")]

ROLES = {"claim": CLAIM, "staff": ["support"], "groups": {"editor": "Editors"}}


def sign_in(*roles: str, issued_at: int, subject: str = "auth0|1") -> Any:
    claims = {CLAIM: [*roles], "iat": issued_at}
    with transaction.atomic():
        return authenticate(
            None,
            identity=VerifiedIdentity(
                issuer="https://tenant.example/", subject=subject, claims=claims, tenant="default"
            ),
        )


@pytest.mark.parametrize("identities", [1, 2])
@pytest.mark.parametrize(("newest", "expected"), [([], False), (["support", "editor"], True)])
def test_newest_of_several_tokens_decides_in_any_order_of_commits(newest, expected, identities):
    with override_settings(STATEFUL_OAUTH={**settings.STATEFUL_OAUTH, "ROLES": ROLES}):
        Group.objects.create(name="Editors")
        user = sign_in("support", issued_at=50)
        for number in range(1, identities):
            other = sign_in(issued_at=50, subject=f"auth0|{1 + number}")
            Identity.objects.filter(user=other).update(user=user)
            other.delete()
        others = [] if newest else ["support", "editor"]
        tokens = [(others, 100 + number) for number in range(7)] + [(newest, 200)]
        together(
            [
                lambda roles=roles, at=at, number=number: sign_in(
                    *roles, issued_at=at, subject=f"auth0|{1 + number % identities}"
                )
                for number, (roles, at) in enumerate(tokens)
            ]
        )
        user = get_user_model().objects.get()
        assert (user.is_staff, user.groups.exists()) == (expected, expected)
