"""The transaction: one attempt at what a flow is for, as a value. The store keeps it as a row."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import uuid
    from collections.abc import Mapping
    from datetime import datetime

    from stateful_oauth.flows.engine.secret import Secret

Json: TypeAlias = Any  # what json.dumps takes

# A transition takes the sequence number SEQUENCE_STEP * version; events that were rejected at that
# version take the numbers after it. So a rejection can never collide with the transition of a winner.
SEQUENCE_STEP: Final = 100

# The `browser` of a row whose browser has signed out. No digest of a cookie is this one.
UNBOUND: Final = bytes(16)


# Characters of text from outside that a line of the log keeps.
LONGEST_DETAIL: Final = 300


def readable(text: str) -> str:
    """Return text from outside as one bounded line, without control and other invisible characters."""
    line = " ".join(text[: 4 * LONGEST_DETAIL].split())
    return "".join(c for c in line if c.isprintable())[:LONGEST_DETAIL]


class StateKind(StrEnum):
    """What a transaction in a state is doing."""

    WAITING = "waiting"  # for the browser or the user; has a deadline
    WORKING = "working"  # an effect may be in flight; has a lease
    FINAL = "final"  # never changes again; its secrets are wiped


@dataclass(frozen=True, slots=True)
class Actor:
    """Who caused an event.

    Attributes:
        kind: `browser`, `system` or `operator`.
        id: The operator's user id; empty otherwise.
        reason: What the operator wrote down.
    """

    kind: str
    id: str = ""
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


BROWSER: Final = Actor("browser")
SYSTEM: Final = Actor("system")


@dataclass(frozen=True, slots=True)
class Definition:
    """Which meaning a row was written under: the machine's version and the hash of its structure."""

    version: int
    structure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One attempt.

    Attributes:
        version: The fence: every change raises it by one, and is refused when another worker was first.
        browser: A digest of the browser-binding cookie, or None for a flow without a browser.
        state_digest: A digest of the `state` parameter.
        inputs: What the flow was started with, JSON; nothing secret. A final state keeps the machine's
            `kept_inputs` of them.
        secrets: `state` and whatever else the flow needs; wiped in final states.
        deadline: Until when a waiting state waits.
        lease_until: Until when a working state belongs to who claimed it.
        attempts: How often the effect of the current state was started.
        stuck_since: When recovery had used up its attempts and left the row to an operator, or None.
        code: The error code of the last transition, or an empty string.
        user_id: The Django user that the outcome is about, or None.
        result: What came of it, JSON; nothing secret.
    """

    id: uuid.UUID
    kind: str
    tenant: str
    definition: Definition
    state: str
    state_kind: StateKind
    version: int
    browser: bytes | None
    state_digest: bytes
    inputs: Mapping[str, Json] = field(default_factory=dict, repr=False)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    deadline: datetime | None = None
    lease_until: datetime | None = None
    attempts: int = 0
    stuck_since: datetime | None = None
    code: str = ""
    user_id: str | None = None
    result: Mapping[str, Json] = field(default_factory=dict, repr=False)
    created_at: datetime
    changed_at: datetime

    @property
    def is_final(self) -> bool:
        """Whether the transaction is over."""
        return self.state_kind is StateKind.FINAL

    @property
    def is_unbound(self) -> bool:
        """Whether the user has signed out in the browser that started it, so that it signs in no more."""
        return self.browser == UNBOUND

    @property
    def next_url(self) -> str:
        """Where the browser wants to go in the end: validated when the flow started, and again when used."""
        return str(self.inputs.get("next", ""))

    def decrypt_secrets(self) -> None:
        """Decrypt the secrets now: a store that reads them encrypted would do it when they are used.

        Raises:
            Quarantined: No key opens them.
        """
        len(self.secrets)

    def evolve(self, **changes: Any) -> Transaction:
        """Return a copy with these fields changed."""
        # As `dataclasses.replace` does it, without looking at each field's declaration.
        return Transaction(**(dict(zip(_FIELDS, _values_of(self), strict=True)) | changes))


_FIELDS: Final = tuple(each.name for each in fields(Transaction))
_values_of: Final = attrgetter(*_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionLog:
    """One line of a transaction's log: a transition that happened, or an event that was rejected.

    Attributes:
        effect: What was in flight from then on, or an empty string: a local effect never is.
        detail: What another service said about it: one readable line from outside, at most `LONGEST_DETAIL`
            characters. Show it escaped, to operators.
    """

    sequence: int
    event: str
    source: str
    target: str
    at: datetime
    actor: Actor
    effect: str = ""
    code: str = ""
    detail: str = field(default="", repr=False)
    rejected: bool = False
