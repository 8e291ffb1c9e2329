"""The demo's authentication backend: how a project decides who may come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.demo.people import REFUSED_DOMAIN
from stateful_oauth.django.backends import Auth0Backend
from stateful_oauth.flows.oauth.errors import AccountRefused

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

    from stateful_oauth.flows.oauth.openid import VerifiedIdentity


class DemoBackend(Auth0Backend):
    """All users may sign in, except those with an email at the competitor's domain."""

    def may_sign_in(self, identity: VerifiedIdentity, user: AbstractBaseUser | None) -> None:
        """Refuse one domain.

        Raises:
            AccountRefused: The email is at that domain.
        """
        del user  # known or new makes no difference here
        if str(identity.claims.get("email", "")).endswith(REFUSED_DOMAIN):
            raise AccountRefused("account_refused")
