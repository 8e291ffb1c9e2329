"""What may go wrong while the site does something: fault plans, as values that can be drawn and written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# How a call to the provider may fail, by name: the emulator's kinds of faults, with details where they matter.
FAILURES: Final[Mapping[str, Mapping[str, Any]]] = {
    "unreachable": {"kind": "unreachable"},
    "request lost": {"kind": "lost_request"},
    "answer lost": {"kind": "lost_answer"},
    "slow": {"kind": "slow", "delay": 60.0},
    "429": {"kind": "rate_limit", "reset": 30.0},
    "429 for long": {"kind": "rate_limit", "reset": 900.0},
    "500": {"kind": "server_error", "status": 500},
    "503": {"kind": "server_error", "status": 503},
    "HTML": {"kind": "html"},
    "empty answer": {"kind": "empty"},
    "malformed answer": {"kind": "malformed"},
    "truncated answer": {"kind": "truncated"},
    "refused": {"kind": "answer", "status": 400, "json": {"error": "invalid_request"}},
    "forbidden": {"kind": "answer", "status": 403, "json": {"error": "access_denied"}},
}


@dataclass(frozen=True, slots=True)
class WorkerDies:
    """The process ends at a crash point.

    Attributes:
        place: The number of the crash point, counted from 0 in the order in which the action passes them.
    """

    place: int

    def __str__(self) -> str:
        return f"the worker dies at its crash point no. {self.place}"


@dataclass(frozen=True, slots=True)
class WorkerStalls:
    """The process stands still at a crash point, and goes on later: its lease may be over by then.

    Attributes:
        place: As in `WorkerDies`.
        seconds: How long.
    """

    place: int
    seconds: int

    def __str__(self) -> str:
        return f"the worker stands still for {self.seconds} s at its crash point no. {self.place}"


@dataclass(frozen=True, slots=True)
class CallFails:
    """A call to the provider fails.

    Attributes:
        call: The number of the call, counted from 0 within the action.
        how: One of `FAILURES`.
    """

    call: int
    how: str

    def __str__(self) -> str:
        return f"its call no. {self.call} to the provider: {self.how}"


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Something else happens while the process is at a crash point outside of any database transaction.

    Attributes:
        place: As in `WorkerDies`; where that is inside a transaction, the next one outside.
        what: One of `MEANWHILE`.
    """

    place: int
    what: str

    def __str__(self) -> str:
        return f"meanwhile, at its crash point no. {self.place}: {self.what}"


# What may happen meanwhile.
MEANWHILE: Final = (
    "the same again",  # a second delivery of the same request, from a second tab of the same browser
    "the sweep, when the lease is over",
    "an operator abandons",
    "signing out",
    "another tab comes back",
)

Trouble = WorkerDies | WorkerStalls | CallFails | Meanwhile
