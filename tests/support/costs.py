"""What a step costs: its statements, its commits, and the calls that the provider gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stateful_oauth.emulator import Tenant
from tests.support.counting import counted


@dataclass
class Cost:
    statements: list[str]
    commits: int
    calls: dict[str, int]


def cost_of(tenant: Tenant, step: Callable[[], Any]) -> tuple[Any, Cost]:
    """Take the step; return what came of it, and what it cost."""
    before = Counter(tenant.requests)
    with counted() as count:
        result = step()
    return result, Cost(count.statements, count.commits, dict(Counter(tenant.requests) - before))
