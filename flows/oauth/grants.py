"""Grants as values: a refresh token, and the access tokens that it bought."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """An access token that is kept while it lasts.

    Attributes:
        scope: What was granted, separated by spaces.
        expires_at: Aware; when it is not used any more, which is a little before the provider's time.
    """

    value: Secret
    scope: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One refresh-token family.

    Attributes:
        id: As the session names it.
        subject: The `sub` that it was issued to.
        user_id: The Django user's primary key, as text.
        scope: What was granted at sign-in, separated by spaces.
        audience: The API that was asked for at sign-in, or an empty string.
        access_tokens: By `key_of(audience, scope)`.
        version: The fence: every change raises it by one.
        claimed_until: Until when a worker may be using the refresh token, or None.
    """

    id: str
    tenant: str
    issuer: str
    subject: str
    user_id: str
    scope: str
    audience: str
    refresh_token: Secret
    access_tokens: Mapping[str, AccessToken] = field(default_factory=dict)
    version: int
    claimed_until: datetime | None = None


def key_of(audience: str, scope: str) -> str:
    """Return the key under which an access token is kept and looked up; scopes count in any order."""
    return f"{audience} {' '.join(sorted(set(scope.split())))}".strip()
