"""Disconnecting an account at another provider (My Account API)."""

from __future__ import annotations

from stateful_oauth.flows.disconnect_account import DECLARATION
from stateful_oauth.flows.disconnect_account.effects import disconnect, reread_accounts
from stateful_oauth.flows.disconnect_account.inputs import DisconnectAccountInputs
from stateful_oauth.flows.engine.effects import LostAnswer, effect
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import Abandoned, Failed
from stateful_oauth.flows.oauth.domain_events import AccountConnected, AccountDisconnected, GrantIssued
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from stateful_oauth.flows.oauth.outcomes import Disconnected
from stateful_oauth.flows.oauth.services import OAuthServices


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
        lost_answer=LostAnswer.REREAD,  # the list of accounts tells whether it happened
        lost_code=ProviderAnswerLost.CODE,
        reread=reread_accounts,
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
        self.transition.keep_result(account=inputs.account, connection=inputs.connection)
