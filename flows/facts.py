"""What a settled step means beyond its own row. The store writes facts in the settle transaction.

A new kind of fact is a value here and a writer in `storage/facts.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import uuid

    from stateful_oauth.flows.openid import VerifiedIdentity
    from stateful_oauth.flows.secret import Secret


class Fact:
    """Base class of facts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantIssued(Fact):
    """The provider issued a refresh token, the head of a new family.

    Attributes:
        id: The grant's id, so that the session can name it.
        scope: What was granted, separated by spaces.
        audience: The API that the access tokens are for, or an empty string.
    """

    id: uuid.UUID
    identity: VerifiedIdentity
    user_id: str
    refresh_token: Secret
    scope: str
    audience: str
