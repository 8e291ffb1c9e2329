"""What came of a step, as values. Views turn them into responses, tests compare them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import uuid
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
        KEEPS_RESTART: Whether a row that ends so keeps what a new attempt starts with: `Restart.inputs`.
    """

    KEEPS_RESTART: ClassVar[bool] = False

    transaction_id: uuid.UUID | None = None
    kind: str = ""
    tenant: str = ""
    code: str = ""
    next_url: str = field(default="", repr=False)
    replayed: bool = False
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectTo(Outcome):
    """The browser has to go somewhere else now, and will come back.

    Attributes:
        url: Holds secrets, so it does not show itself.
    """

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver(Outcome):
    """Another transaction goes on with it.

    Attributes:
        child_id: That transaction.
    """

    KEEPS_RESTART: ClassVar[bool] = True

    child_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class InProgress(Outcome):
    """Another worker has the row, and the answer is not there yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TryLater(Outcome):
    """The event moved nothing, because the service is slow or fails: send it again.

    Attributes:
        seconds: After which to send it again.
    """

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Outcome):
    """The user, or an operator, ended the attempt."""

    KEEPS_RESTART: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatched(Outcome):
    """The answer was not about what was asked for."""

    KEEPS_RESTART: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Outcome):
    """The attempt failed with `code`."""

    KEEPS_RESTART: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired(Outcome):
    """The browser did not come back in time."""

    KEEPS_RESTART: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned(Outcome):
    """An operator gave the attempt up."""

    KEEPS_RESTART: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Outcome):
    """The event was refused and moved nothing."""
