"""Disconnecting an account at another provider."""

from typing import Final

from stateful_oauth.flows.engine.declaration import FlowDeclaration, Texts
from stateful_oauth.flows.engine.declaration import gettext_noop as _

DECLARATION: Final = FlowDeclaration(
    kind="disconnect_account",
    machine="stateful_oauth.flows.disconnect_account.machine:DisconnectAccountFlow",
    needs_user=True,
    texts=Texts(
        title=_("Disconnecting an account"),
        progress=_("Disconnecting your account…"),
        failure=_("The account was not disconnected"),
    ),
)
