"""The rate limits of the APIs: token buckets, and the headers that tell of them (docs/auth0-contract.md §9).

With ``settings.rate_limits`` off nothing is refused, and the headers say that there is room.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stateful_oauth.emulator.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from stateful_oauth.emulator.answers import Answer
    from stateful_oauth.emulator.errors import Family
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

    Handler = Callable[[TenantState, Call], Answer]

_ROUNDING = 1e-3
"""Times are floats near 2e9: a tenth of a second later is not exactly that."""


@dataclass
class Bucket:
    """What is left, as of ``at``."""

    left: float
    at: float


class Buckets:
    """One bucket per API."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant
        self._buckets: dict[str, Bucket] = {}

    def take(self, api: str) -> tuple[bool, dict[str, str]]:
        """Say whether a request may pass, and what its answer's headers say."""
        settings, now = self._tenant.settings, self._tenant.clock.now()
        limit, rate = settings.burst, max(settings.requests_per_second, 1)
        if not settings.rate_limits:
            return True, _headers(limit, limit - 1, math.floor(now) + 1)
        bucket = self._buckets.setdefault(api, Bucket(limit, now))
        bucket.left = min(float(limit), bucket.left + max(now - bucket.at, 0.0) * rate)
        bucket.at = now
        passes = bucket.left >= 1 - _ROUNDING
        if passes:
            bucket.left = max(bucket.left - 1, 0.0)
        full_at = now + (limit - bucket.left) / rate
        headers = _headers(limit, int(bucket.left + _ROUNDING), math.ceil(full_at))
        if not passes:
            headers["retry-after"] = str(max(math.ceil(full_at - now), 1))
        return passes, headers


def _headers(limit: int, remaining: int, reset: int) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(max(remaining, 0)),
        "x-ratelimit-reset": str(reset),
    }


def limited(api: str, family: Family, handler: Handler) -> Handler:
    """Return the handler behind the limit of its API; refusals too carry the headers."""

    def behind(tenant: TenantState, call: Call) -> Answer:
        passes, headers = tenant.part(Buckets).take(api)
        if not passes:
            management = api == "management" and tenant.settings.management_retry_after
            if not family.retry_after and not management:
                del headers["retry-after"]
            return family.rate_limited(headers)
        try:
            answer = handler(tenant, call)
        except Refusal as refusal:
            answer = refusal.answer()
        return answer.with_headers(*headers.items())

    return behind
