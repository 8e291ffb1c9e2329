"""Disconnecting an account at another provider (My Account API)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.disconnect_account import DECLARATION
from stateful_oauth.flows.disconnect_account.inputs import DisconnectAccountInputs
from stateful_oauth.flows.engine.effects import Event, LostAnswer, effect
from stateful_oauth.flows.engine.errors import AnswerLost, RateLimited, ServiceRefused
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import Abandoned, Failed
from stateful_oauth.flows.oauth.domain_events import AccountConnected, AccountDisconnected, GrantIssued
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from stateful_oauth.flows.oauth.my_account import CANNOT_ASK, at_my_account
from stateful_oauth.flows.oauth.outcomes import Disconnected
from stateful_oauth.flows.oauth.services import OAuthServices

if TYPE_CHECKING:
    from stateful_oauth.flows.oauth.services import OAuthEffectContext


def disconnect(context: OAuthEffectContext) -> Event:
    """DELETE the connected account at the My Account API. The grant at the provider itself lives on."""
    inputs = DisconnectAccountInputs.of(context.transaction)
    try:
        at_my_account(
            context,
            inputs.grant,
            lambda token: context.services.provider.my_account.disconnect(
                token, inputs.account, time_limit=context.time_limit
            ),
            "delete:me:connected_accounts",
        )
    except RateLimited:
        raise
    except ServiceRefused as error:
        # After an earlier attempt, a refusal does not say that nothing was done.
        if error.code in CANNOT_ASK or not context.was_tried:
            raise
        raise AnswerLost("What became of the account could not be found out.", code=error.code) from error
    return Event("account_disconnected")


class DisconnectAccountFlow(FlowMachine):
    """One disconnection."""

    declaration = DECLARATION
    version = 1
    inputs = DisconnectAccountInputs
    services = OAuthServices
    browser_events = ()
    operator_events = ("abandon",)
    emits = (AccountDisconnected,)
    relies_on = (GrantIssued, AccountConnected)

    created = WaitingState(initial=True)
    disconnecting = WorkingState()
    disconnected = FinalState(Disconnected)

    failed = FinalState(Failed)
    abandoned = FinalState(Abandoned)

    disconnect = effect(
        disconnect,
        produces=("account_disconnected", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.REPEAT,  # an account that is not there counts as disconnected
        lost_code=ProviderAnswerLost.CODE,
        max_attempts=8,
        waits_for_rate_limit=True,
        must_complete=True,
    )

    start = created.to(disconnecting, on="disconnect")
    account_disconnected = disconnecting.to(disconnected, on="note_disconnection")
    fail = disconnecting.to(failed)
    retry = disconnecting.to(disconnecting, on="disconnect")
    abandon = disconnecting.to(abandoned)

    def note_disconnection(self) -> None:
        """Have the account forgotten."""
        inputs = DisconnectAccountInputs.of(self.transition.transaction)
        self.transition.emit(
            AccountDisconnected(issuer=inputs.issuer, subject=inputs.subject, account_ids=(inputs.account,))
        )
        self.transition.keep_result(connection=inputs.connection)
