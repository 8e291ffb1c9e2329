"""What may go wrong while the site does something: values that can be drawn and written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.flows.engine.crash_points import CRASH_POINTS

if TYPE_CHECKING:
    from collections.abc import Mapping

# How a call to the provider may fail, by name: the emulator's kinds of faults, with their details.
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
    # What an ID token may say that is not about what was asked for.
    "another nonce": {"claims": {"nonce": "of-another-sign-in-0123456789abcdef"}},
    "another audience": {"claims": {"aud": "another-application"}},
}


@dataclass(frozen=True, slots=True)
class WorkerDies:
    """The process ends at a crash point.

    Attributes:
        point: One of `CRASH_POINTS`.
        nth: Zero-based occurrence of this crash point within the action.
    """

    point: str
    nth: int = 0

    def __str__(self) -> str:
        return f"the worker dies at {_time(self.nth)}{self.point}"


@dataclass(frozen=True, slots=True)
class WorkerStalls:
    """The process stands still at a crash point, and goes on later: its lease may be over by then.

    Attributes:
        point: As in `WorkerDies`.
        nth: As in `WorkerDies`.
        seconds: How long.
    """

    point: str
    nth: int = 0
    seconds: int = 31

    def __str__(self) -> str:
        return f"the worker stands still for {self.seconds} s at {_time(self.nth)}{self.point}"


@dataclass(frozen=True, slots=True)
class CallFails:
    """A call to the provider fails.

    Attributes:
        call: Zero-based number of the call within the action.
        how: One of `FAILURES`.
        to: Only calls whose path has this in it are counted; all when empty.
    """

    call: int
    how: str
    to: str = ""

    def __str__(self) -> str:
        return f"{_time(self.call)}call to {self.to or 'the provider'} fails: {self.how}"


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Something else happens while the process is at a crash point.

    Attributes:
        point: One of `OUTSIDE`.
        nth: As in `WorkerDies`.
        what: One of `MEANWHILE`.
    """

    point: str
    nth: int
    what: str

    def __str__(self) -> str:
        return f"meanwhile, at {_time(self.nth)}{self.point}: {self.what}"


def _time(nth: int) -> str:
    return "" if nth == 0 else f"the {nth + 1}. "


# The crash points that are outside of any database transaction: there others have their turn.
OUTSIDE: Final = tuple(point for point in CRASH_POINTS if not point.endswith("before_commit"))

# What may happen meanwhile.
MEANWHILE: Final = (
    "the same again",  # a second delivery of the same request, from a second tab of the same browser
    "the sweep, when the lease is over",
    "an operator abandons",
    "signing out",
    "another tab comes back",
)

Fault = WorkerDies | WorkerStalls | CallFails | Meanwhile
