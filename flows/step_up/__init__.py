"""Step-up: a signed-in user proves recent authentication."""

from typing import Final

from stateful_oauth.flows.engine.declaration import Callback, FlowDeclaration, Restart, Texts
from stateful_oauth.flows.engine.declaration import gettext_noop as _

DECLARATION: Final = FlowDeclaration(
    kind="step_up",
    machine="stateful_oauth.flows.step_up.machine:StepUpFlow",
    needs_user=True,
    callback=Callback(path="step-up/callback/", name="step_up_callback"),
    session_states=("stepped_up",),
    restart=Restart(
        url_name="step_up",
        fields=("max_age",),
        optional_fields=("acr_values", "connection"),
        may_switch_user=True,
        label=_("Confirm again"),
    ),
    texts=Texts(
        title=_("Confirming a sign-in"),
        progress=_("Confirming that it is you…"),
        failure=_("You were not confirmed"),
        messages={
            "access_denied": _("You did not confirm that it is you. Nothing was changed."),
            "id_token_acr": _("You did not use the requested way to sign in. Please try again."),
            "id_token_auth_time": _("You did not sign in again. Please try again."),
            "subject_mismatch": _(
                "You used another account. Please use the account that you are signed in with."
            ),
        },
    ),
)
