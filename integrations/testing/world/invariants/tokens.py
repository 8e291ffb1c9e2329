"""What has to hold of refresh tokens when faults have ended and recovery has run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.engine.identifiers import transaction_id_of
from stateful_oauth.testing.world.living_tokens import EXCHANGING, LOST, known_families, living_families
from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    from stateful_oauth.testing.world.base_state_machine import BaseStateMachine


def no_token_is_left_alive(world: BaseStateMachine) -> None:
    """What the provider honours is held by a grant, unless its token never came here or was given up."""
    tenant = world.site.tenant
    if "revocation_endpoint" in tenant.settings.discovery_overrides:
        return
    left = living_families(tenant) - known_families(tenant) - _never_came(world)
    if left and "end_grant" not in world.memory.given_up:
        owners = sorted(
            family.user_id for family in tenant.issued.living(tenant.clock.now()) if family.id in left
        )
        raise Violation("no token is left alive that no grant holds", f"of {owners}")


def _never_came(world: BaseStateMachine) -> set[str]:
    """Return the families of exchanges whose answer was lost, or whose worker died with it."""
    found = set()
    for code in world.site.tenant.issued.codes.values():
        key = transaction_id_of(code.ask.state or "")
        row = None if key is None else world.seen.rows.get(key)
        is_lost = row is None or any(
            line.source in EXCHANGING and (line.code in LOST or line.event == "abandon") for line in row.taken
        )
        if code.family is not None and (is_lost or code.value in world.memory.injected):
            found.add(code.family.id)
    return found
