"""Linking two accounts of one person."""

from typing import Final

from stateful_oauth.flows.engine.declaration import Callback, FlowDeclaration, Texts
from stateful_oauth.flows.engine.declaration import gettext_noop as _

DECLARATION: Final = FlowDeclaration(
    kind="account_linking",
    machine="stateful_oauth.flows.account_linking.machine:AccountLinkingFlow",
    callback=Callback(path="link/callback/", name="link_callback", used_with="LINKING"),
    session_states=("linked", "kept_apart"),
    texts=Texts(
        title=_("Linking accounts"),
        progress=_("Linking your accounts…"),
        failure=_("The accounts were not linked"),
    ),
)
