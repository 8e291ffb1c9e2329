"""The World's rule of ending a grant, and scenarios that together take every arrow of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.testing.world.base_state_machine import BaseStateMachine, rule
from stateful_oauth.testing.world.configuration import Configuration
from stateful_oauth.testing.world.trace import Step, step

if TYPE_CHECKING:
    from collections.abc import Mapping


class Rules(BaseStateMachine):
    """A rule of ending a grant."""

    @rule()
    def revocation_is_taken_away(self) -> None:
        """Let the provider announce no revocation endpoint any more."""
        self.trace.note("The provider announces no revocation endpoint any more.")
        self.site.tenant.settings.discovery_overrides["revocation_endpoint"] = None
        self.site.restart()


_PLAIN: Final = step(
    "settle_in",
    configuration=Configuration(
        linking="off", par=False, rotation=False, scope="openid profile email offline_access"
    ),
)
_SIGN_IN: Final = step("sign_in", browser=0, account=0, faults=())
_SIGN_OUT: Final = step("sign_out", browser=0, faults=())
_RECOVER: Final = step("recover_one", row=0, faults=())

CORPUS: Final[Mapping[str, tuple[Step, ...]]] = {
    "a grant ends with its session": (_PLAIN, _SIGN_IN, _SIGN_OUT, _RECOVER),
    "a grant ends at a provider that revokes nothing": (
        _PLAIN,
        _SIGN_IN,
        _SIGN_OUT,
        step("revocation_is_taken_away"),
        _RECOVER,
    ),
    "an operator abandons a revocation": (
        _PLAIN,
        _SIGN_IN,
        _SIGN_OUT,
        step("operate", row=0, what="abandon", faults=()),
    ),
}
