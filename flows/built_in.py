"""The flows that come with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.account_linking import AccountLinkingFlow
from stateful_oauth.flows.connect_account import ConnectAccountFlow
from stateful_oauth.flows.disconnect_account import DisconnectAccountFlow
from stateful_oauth.flows.login import LoginFlow
from stateful_oauth.flows.unlink_account import UnlinkAccountFlow

if TYPE_CHECKING:
    from stateful_oauth.flows.machine import FlowMachine

BUILT_IN: Final[tuple[type[FlowMachine], ...]] = (
    LoginFlow,
    ConnectAccountFlow,
    AccountLinkingFlow,
    DisconnectAccountFlow,
    UnlinkAccountFlow,
)
