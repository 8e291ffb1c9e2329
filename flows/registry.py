"""The flows that come with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.account_linking.machine import AccountLinkingFlow
from stateful_oauth.flows.connect_account.machine import ConnectAccountFlow
from stateful_oauth.flows.disconnect_account.machine import DisconnectAccountFlow
from stateful_oauth.flows.login.machine import LoginFlow
from stateful_oauth.flows.unlink_account.machine import UnlinkAccountFlow

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.machine import FlowMachine

BUILT_IN: Final[tuple[type[FlowMachine], ...]] = (
    LoginFlow,
    ConnectAccountFlow,
    AccountLinkingFlow,
    DisconnectAccountFlow,
    UnlinkAccountFlow,
)
