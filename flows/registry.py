"""The flows that come with the package. A new one is one line here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows import (
    account_linking,
    connect_account,
    disconnect_account,
    end_grant,
    login,
    step_up,
    unlink_account,
)

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.declaration import FlowDeclaration
    from stateful_oauth.flows.engine.machine import FlowMachine

BUILT_IN: Final[tuple[FlowDeclaration, ...]] = (
    login.DECLARATION,
    connect_account.DECLARATION,
    account_linking.DECLARATION,
    disconnect_account.DECLARATION,
    unlink_account.DECLARATION,
    step_up.DECLARATION,
    end_grant.DECLARATION,
)
# What a page speaks of when it knows no transaction.
SIGN_IN: Final = login.DECLARATION


def built_in_machines() -> tuple[type[FlowMachine], ...]:
    """Import the machines of the flows that come with the package."""
    from stateful_oauth.flows.engine.registry import load_machine  # noqa: PLC0415 - imports python-statemachine

    return tuple(load_machine(declaration) for declaration in BUILT_IN)
