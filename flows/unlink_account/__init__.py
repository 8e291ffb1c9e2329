"""Unlinking an account."""

from typing import Final

from stateful_oauth.flows.engine.declaration import FlowDeclaration, Texts
from stateful_oauth.flows.engine.declaration import gettext_noop as _

DECLARATION: Final = FlowDeclaration(
    kind="unlink_account",
    machine="stateful_oauth.flows.unlink_account.machine:UnlinkAccountFlow",
    needs_user=True,
    texts=Texts(
        title=_("Unlinking an account"),
        progress=_("Unlinking your accounts…"),
        failure=_("The accounts were not unlinked"),
    ),
)
