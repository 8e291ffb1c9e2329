"""One row of each table that belongs to a user."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model

from stateful_oauth.flows.engine.identifiers import new_transaction_id
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, Grant, Identity, identity_digest
from stateful_oauth.testing.clock import ManualClock

ISSUER = "https://tenant.example/"
MODELS = ("identity", "grant", "connectedaccount", "accountlink")


@dataclass
class Accounts:
    user: Any
    identity: Identity
    grant: Grant
    account: ConnectedAccount
    link: AccountLink

    @property
    def rows(self) -> dict[str, Any]:
        found = (self.identity, self.grant, self.account, self.link)
        return dict(zip(MODELS, found, strict=True))


def make_accounts(
    clock: ManualClock, name: str = "ada", *, refresh_token: str = "sealed", access_tokens: str = "sealed"
) -> Accounts:
    """Make a user with an identity, a grant, a connected account and a link."""
    now = clock.now()
    user = get_user_model().objects.create_user(name, f"{name}@example.com")
    subject = f"auth0|{name}"
    identity = Identity.objects.create(
        digest=identity_digest(ISSUER, subject), issuer=ISSUER, subject=subject, user=user, created_at=now
    )
    grant = Grant.objects.create(
        id=new_transaction_id(now), identity=identity, user=user, tenant="default", created_at=now,
        refresh_token=refresh_token, access_tokens=access_tokens,
    )  # fmt: skip
    account = ConnectedAccount.objects.create(
        owner=identity, tenant="default", connection="google-oauth2", provider_user_id=f"{name}-at-google",
        remote_id=f"cac_{name}", connected_at=now,
    )  # fmt: skip
    link = AccountLink.objects.create(
        primary_digest=identity.digest, primary_subject=subject, tenant="default", connection="google-oauth2",
        secondary_digest=identity_digest(ISSUER, f"google-oauth2|{name}"), provider="google-oauth2",
        secondary_subject=f"google-oauth2|{name}", provider_user_id=name, rule="connected",
        evidence={"rule": "connected"}, transaction_id=uuid.uuid4(), linked_at=now,
    )  # fmt: skip
    return Accounts(user, identity, grant, account, link)
