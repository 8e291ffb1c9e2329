"""What each action of the site may cost at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stateful_oauth.integrations.testing.world.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.integrations.testing.world.stage import Stage


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that an action may cost: SQL statements, and calls to the provider."""

    statements: int
    calls: int


LIMITS: Final[Mapping[str, Limit]] = {}


def every_action_stays_within_its_limits(world: Stage) -> None:
    """No action takes more statements or calls than its limit says, however much there is in the database."""
    for action in world.actions:
        limit = LIMITS.get(action.what)
        if limit is None:
            continue
        if action.statements > limit.statements or len(action.plan.calls) > limit.calls:
            raise Violation(
                "statements and calls stay within the declared numbers",
                f"{action.what} took {action.statements} statements (at most {limit.statements}) and"
                f" {len(action.plan.calls)} calls (at most {limit.calls}): {action.plan.calls}",
            )
