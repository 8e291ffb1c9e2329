"""What came of a step, as values. Views turn them into responses, tests compare them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The common part.

    Attributes:
        transaction_id: The row, or None when no row belongs to the request.
        kind: The flow's kind, or an empty string.
        tenant: The tenant's alias, or an empty string.
        code: The error code, or an empty string.
        next_url: Where the browser wanted to go; to be validated before use.
        replayed: True when an earlier delivery of the same event did the work.
        settled_at: When the row reached its final state, or None.
    """

    transaction_id: uuid.UUID | None = None
    kind: str = ""
    tenant: str = ""
    code: str = ""
    next_url: str = ""
    replayed: bool = False
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectTo(Outcome):
    """The browser has to go to the provider now.

    Attributes:
        url: Holds `state` and `nonce`, so it does not show itself.
    """

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(Outcome):
    """The login is done: this browser may have a session of `user_id`.

    Attributes:
        user_id: The Django user's primary key, as text.
        session: What the session should remember: `sub` and `sid` (OpenID Connect), `grant`.
            Empty once the user has signed out again.
    """

    user_id: str
    session: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class InProgress(Outcome):
    """Somebody else is working on the row, and the answer is not there yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Outcome):
    """The user, or an operator, ended the attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatched(Outcome):
    """The answer was not about what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Outcome):
    """The attempt failed with `code`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired(Outcome):
    """Nobody came back in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned(Outcome):
    """An operator gave the attempt up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Outcome):
    """The event was refused and moved nothing."""
