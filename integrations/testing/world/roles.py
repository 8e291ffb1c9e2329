"""Rules of roles: an administrator at the provider assigns them, and the ID tokens from then on say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import hypothesis.strategies as st

from stateful_oauth.django.conf import conf
from stateful_oauth.django.users.role_rules import RoleRules
from stateful_oauth.testing.world.base_state_machine import BaseStateMachine, not_twice, precondition, rule
from stateful_oauth.testing.world.configuration import Configuration
from stateful_oauth.testing.world.faults import Meanwhile, WorkerStalls
from stateful_oauth.testing.world.memory import IssuedRoles
from stateful_oauth.testing.world.strategies import account_numbers
from stateful_oauth.testing.world.trace import Step, step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stateful_oauth.emulator import ActionApi, ActionEvent

_MOST: Final = 8  # roles, as the bits of a number

_ADA: Final = 0  # the index in `ACCOUNTS`
_SETTLE_IN: Final = step(
    "settle_in", configuration=Configuration(linking="off", par=False, rotation=False, roles=True)
)
_ATTEMPT: Final = (
    step("start_sign_in", browser=0, faults=()),
    step("authorize", tab=0, account=_ADA, browser=None),
)
CORPUS_OF_ROLES: Final[Mapping[str, tuple[Step, ...]]] = {
    "roles are given and taken away": (
        _SETTLE_IN,
        step("assign_roles", account=_ADA, roles=3),
        step("sign_in", browser=0, account=_ADA, faults=()),
        step("wait", seconds=1),
        step("assign_roles", account=_ADA, roles=0),
        step("sign_in", browser=1, account=_ADA, faults=()),
    ),
    "the later of two tokens is settled first": (
        _SETTLE_IN,
        step("assign_roles", account=_ADA, roles=3),
        *_ATTEMPT,
        *_ATTEMPT,
        step(
            "open_callback",
            tab=1,
            change="",
            browser=None,
            faults=(
                WorkerStalls("effect.after", 0, 31),
                Meanwhile("effect.after", 0, "another tab comes back"),
            ),
        ),
    ),
}


def rules_of_roles(world: BaseStateMachine) -> RoleRules | None:
    """Return what the site's `ROLES` say, or None where the World cannot set their claim."""
    rules = RoleRules.of(conf.tenant(world.alias).roles)
    return rules if rules is not None and isinstance(rules.claim, str) else None


class Roles(BaseStateMachine):
    """Roles at the provider, and the Action that writes them into the tokens."""

    def seed_tenant(self) -> None:
        """Have roles written into the tokens."""
        super().seed_tenant()
        self.set_action(self.site.tenant.action)

    def set_action(self, action: Callable[[ActionEvent, ActionApi], None] | None) -> None:
        """Give the tenant an Action that writes roles, and does what another one does."""

        def both(event: ActionEvent, api: ActionApi) -> None:
            self._write_roles(event, api)
            if action is not None:
                action(event, api)

        super().set_action(both)

    @precondition(not_twice)
    @rule(account=account_numbers(), roles=st.integers(0, 2**_MOST - 1))
    def assign_roles(self, account: int, roles: int) -> None:
        """Assign roles at the provider: the bits of a number say which of those that the settings name."""
        who, rules = self.accounts[account % len(self.accounts)], rules_of_roles(self)
        named = (
            []
            if rules is None
            else sorted((rules.general.staff or set()) | (rules.general.superuser or set()))
        )
        chosen = tuple(name for bit, name in enumerate(named[:_MOST]) if roles >> bit & 1)
        self.trace.note(f"At the provider, {who.name} has the roles {', '.join(chosen) or '(none)'}.")
        self.memory.roles[who.user_id] = chosen

    def _write_roles(self, event: ActionEvent, api: ActionApi) -> None:
        rules = rules_of_roles(self)
        if rules is None:
            return
        user, roles = event.user.user_id, self.memory.roles.get(event.user.user_id, ())
        api.set_id_token_claim(str(rules.claim), list(roles))
        self.memory.issued.add(IssuedRoles(user, int(self.site.clock.timestamp()), roles))
