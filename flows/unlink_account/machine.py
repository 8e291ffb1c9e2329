"""Unlinking: a linked identity becomes an Auth0 user of its own again, without metadata (Management API)."""

from __future__ import annotations

from stateful_oauth.flows.engine.effects import LostAnswer, effect
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import Abandoned, Failed
from stateful_oauth.flows.oauth.domain_events import AccountsLinked, AccountsUnlinked
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from stateful_oauth.flows.oauth.outcomes import Unlinked
from stateful_oauth.flows.oauth.services import OAuthServices
from stateful_oauth.flows.unlink_account import DECLARATION
from stateful_oauth.flows.unlink_account.effects import reread_identities, unlink
from stateful_oauth.flows.unlink_account.inputs import UnlinkAccountInputs


class UnlinkAccountFlow(FlowMachine):
    """One unlinking."""

    declaration = DECLARATION
    version = 1
    inputs = UnlinkAccountInputs
    services = OAuthServices
    browser_events = ()
    operator_events = ("abandon",)
    emits = (AccountsUnlinked,)
    relies_on = (AccountsLinked,)

    created = WaitingState(initial=True)
    unlinking = WorkingState()
    unlinked = FinalState(Unlinked)

    failed = FinalState(Failed)
    abandoned = FinalState(Abandoned)

    unlink = effect(
        unlink,
        produces=("account_unlinked", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.REREAD,  # the primary's identities tell whether it happened
        lost_code=ProviderAnswerLost.CODE,
        reread=reread_identities,
        max_attempts=8,
        waits_for_rate_limit=True,
        must_complete=True,
    )

    start = created.to(unlinking, on="unlink")
    account_unlinked = unlinking.to(unlinked, on="note_unlinking")
    fail = unlinking.to(failed)
    retry = unlinking.to(unlinking, on="unlink")
    abandon = unlinking.to(abandoned)

    def note_unlinking(self) -> None:
        """Have it kept that the identity stands alone again."""
        inputs = UnlinkAccountInputs.of(self.transition.transaction)
        self.transition.emit(AccountsUnlinked(issuer=inputs.issuer, secondary=inputs.secondary))
        self.transition.keep_result(connection=inputs.connection)
