"""Linking two accounts of one person."""

from typing import Final

from stateful_oauth.flows.engine.declaration import Callback, FlowDeclaration, Restart, Texts
from stateful_oauth.flows.engine.declaration import gettext_noop as _

DECLARATION: Final = FlowDeclaration(
    kind="account_linking",
    machine="stateful_oauth.flows.account_linking.machine:AccountLinkingFlow",
    callback=Callback(path="link/callback/", name="link_callback", used_with="LINKING"),
    session_states=("linked", "kept_apart"),
    # The sign-in that opened it starts again.
    restart=Restart(url_name="login", inputs=("login",), may_switch_user=True, label=_("Sign in again")),
    texts=Texts(
        title=_("Linking accounts"),
        progress=_("Linking your accounts…"),
        failure=_("The accounts were not linked"),
    ),
)
