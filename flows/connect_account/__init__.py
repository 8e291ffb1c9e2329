"""Connecting an account at another provider."""

from typing import Final

from stateful_oauth.flows.engine.declaration import Callback, FlowDeclaration, Restart, Texts
from stateful_oauth.flows.engine.declaration import gettext_noop as _

DECLARATION: Final = FlowDeclaration(
    kind="connect_account",
    machine="stateful_oauth.flows.connect_account.machine:ConnectAccountFlow",
    needs_user=True,
    session_states=("connected",),
    callback=Callback(
        path="connect/callback/",
        name="connect_callback",
        code_parameter="connect_code",
        used_with="CONNECTIONS",
    ),
    restart=Restart(
        url_name="connect",
        fields=("connection",),
        inputs=("scopes", "parameters"),
        label=_("Connect %(connection)s again"),
    ),
    texts=Texts(
        title=_("Connecting an account"),
        progress=_("Connecting your account…"),
        failure=_("The account was not connected"),
        failures={"connect_unconfirmed": _("The account may be connected")},
        messages={
            "connect_code_rejected": _("We could not use the response. Please connect the account again."),
            "provider_declined": _("Access was declined. To connect the account, please try again."),
        },
    ),
)
