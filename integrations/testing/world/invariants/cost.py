"""What each action of the site may cost at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.testing.world.base_state_machine import BaseStateMachine


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that an action may cost: SQL statements, and calls to the provider."""

    statements: int
    calls: int


# The worst case of each: everything that one request may come to, from a cold start. A callback, say, that
# asks for metadata and keys, exchanges a code, looks for candidates, reads two profiles, judges them
# again, links, and merges.
# Half as much again as the most that long runs have seen, for what a project's own code adds; `prove` prints
# the most. What a step costs when all goes well is asserted exactly in the package's own tests.
LIMITS: Final[Mapping[str, Limit]] = {
    "login": Limit(statements=16, calls=6),
    "callback": Limit(statements=64, calls=17),
    "page": Limit(statements=38, calls=12),
    "confirm": Limit(statements=22, calls=3),
    "cancel": Limit(statements=31, calls=4),
    "connect": Limit(statements=26, calls=10),
    "disconnect": Limit(statements=26, calls=10),
    "unlink": Limit(statements=20, calls=9),
    "logout": Limit(statements=24, calls=1),  # the metadata, where the process has just started
    "grant": Limit(statements=12, calls=5),
    "operator": Limit(statements=48, calls=12),
    "recovery": Limit(statements=44, calls=12),
}


def every_action_stays_within_its_limits(world: BaseStateMachine) -> None:
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
