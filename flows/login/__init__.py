"""The sign-in."""

from typing import Final

from stateful_oauth.flows.engine.declaration import ALWAYS, Callback, FlowDeclaration, Restart, Texts
from stateful_oauth.flows.engine.declaration import gettext_noop as _

DECLARATION: Final = FlowDeclaration(
    kind="login",
    machine="stateful_oauth.flows.login.machine:LoginFlow",
    callback=Callback(path="callback/", name="callback", used_with=ALWAYS),
    session_states=("signed_in",),
    restart=Restart(
        url_name="login",
        inputs=("parameters", "scope", "subject", "redirect_uri"),
        may_switch_user=True,
        label=_("Sign in again"),
    ),
    texts=Texts(
        title=_("Sign-in"),
        progress=_("Signing you in…"),
        failure=_("Sign-in did not work"),
    ),
)
