"""Faults on the way to the tenant and back."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, get_args

from stateful_oauth.emulator.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.emulator.errors import Family

FaultKind = Literal[
    "unreachable",
    "lost_request",
    "lost_answer",
    "slow",
    "rate_limit",
    "server_error",
    "html",
    "answer",
    "malformed",
    "empty",
    "huge",
    "truncated",
    "redirect",
]
KINDS: tuple[str, ...] = get_args(FaultKind)

_AFTER_EFFECT = frozenset({"lost_answer", "slow", "malformed", "empty", "huge", "truncated"})

BAD_GATEWAY = (
    b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>"
    b"<body><center><h1>502 Bad Gateway</h1></center><hr><center>cloudflare</center></body></html>"
)


class RequestLost(ConnectionError):
    """The request never reached the tenant."""


class Unreachable(RequestLost):
    """There was no connection, which the caller can tell from a request that was lost on the way."""


class AnswerLost(ConnectionError):
    """The tenant did what was asked; its answer does not arrive."""


@dataclass
class Fault:
    """A planned fault; ``fired`` counts how often it struck."""

    endpoint: str
    """Route path such as ``/oauth/token``, or a pattern such as ``/api/v2/*``; ``*`` means every endpoint."""
    kind: FaultKind
    times: int | None = 1
    """How many requests it strikes; None means until it is removed."""
    skip: int = 0
    """How many matching requests it lets pass first."""
    method: str | None = None
    match: Mapping[str, str] = field(default_factory=dict)
    """Texts that a request must have: parameters (query, form or JSON), or names in the route's path."""
    effect: bool | None = None
    """Whether the request is carried out before the answer is spoilt; None: natural for the kind."""
    status: int = 503
    delay: float = 30.0
    reset: float = 60.0
    """Seconds until the rate limit is over."""
    limit: int = 30
    location: str = "https://elsewhere.example/"
    size: int = 8 * 1024 * 1024
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    fired: int = 0
    seen: int = 0

    @property
    def happens(self) -> bool:
        """Whether the tenant carries the request out."""
        return self.kind in _AFTER_EFFECT if self.effect is None else self.effect

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as planned."""
        return self.times is not None and self.fired >= self.times

    def spoil(self, answer: Answer | None, family: Family, now: float) -> Answer:
        """Return the answer that the caller gets; ``answer`` is the true one when the effect happened."""
        match self.kind:
            case "rate_limit":
                limits = {
                    "x-ratelimit-limit": str(self.limit),
                    "x-ratelimit-remaining": "0",
                    "x-ratelimit-reset": str(int(now + self.reset)),
                }
                if family.retry_after:
                    limits["retry-after"] = str(math.ceil(self.reset))
                return family.rate_limited({**limits, **self.headers})
            case "server_error":
                return family.failed(self.status)
            case "html":
                return Answer(502, [("Content-Type", "text/html")], BAD_GATEWAY)
            case "redirect":
                return Answer(302, [("Location", self.location)])
            case "answer":
                headers = {"Content-Type": "application/json; charset=utf-8", **self.headers}
                return Answer(self.status, list(headers.items()), json.dumps(self.json).encode())
            case _:
                return self._damage(answer or Answer(200, [("Content-Type", "application/json")], b"{}"))

    def _damage(self, answer: Answer) -> Answer:
        match self.kind:
            case "malformed":
                return replace(answer, body=b'{"access_token": "unfinished')
            case "empty":
                return replace(answer, body=b"")
            case "huge":
                return replace(answer, body=b'{"padding":"' + b"x" * self.size + b'"}')
            case "truncated":
                cut = answer.with_headers(("Content-Length", str(max(len(answer.body), 2))))
                return replace(cut, body=answer.body[: len(answer.body) // 2])
            case _:
                return answer


class Faults:
    """The faults that are planned; the first that matches a request strikes it."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self._lock = Lock()

    def add(
        self,
        endpoint: str,
        kind: FaultKind,
        times: int | None = 1,
        *,
        skip: int = 0,
        method: str | None = None,
        match: Mapping[str, str] | None = None,
        effect: bool | None = None,
        **details: Any,
    ) -> Fault:
        """Plan a fault; ``details`` are other fields of ``Fault``, such as ``status`` or ``delay``."""
        if kind not in KINDS:
            raise ValueError(f"Unknown fault kind {kind!r}; there are: {', '.join(KINDS)}.")
        fault = Fault(
            endpoint, kind, times, skip, method=method, match=dict(match or {}), effect=effect, **details
        )
        with self._lock:
            self._planned.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every planned fault."""
        with self._lock:
            self._planned.clear()

    def remove(self, fault: Fault) -> None:
        """Forget one fault."""
        with self._lock:
            self._planned = [other for other in self._planned if other is not fault]

    def planned(self) -> list[Fault]:
        """Return the faults that can still strike."""
        with self._lock:
            return [fault for fault in self._planned if not fault.spent]

    def strike(self, endpoint: str, method: str, params: Callable[[], Mapping[str, str]]) -> Fault | None:
        """Return the fault that strikes this request, counted as fired."""
        if not self._planned:
            return None
        with self._lock:
            for fault in self._planned:
                if fault.spent or not fnmatchcase(endpoint, fault.endpoint):
                    continue
                if fault.method is not None and fault.method.upper() != method:
                    continue
                if fault.match and not fault.match.items() <= params().items():
                    continue
                fault.seen += 1
                if fault.seen <= fault.skip:
                    continue
                fault.fired += 1
                return fault
        return None
