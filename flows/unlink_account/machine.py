"""Unlinking: a linked identity becomes an Auth0 user of its own again, without metadata (Management API)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.engine.effects import Event, LostAnswer, effect
from stateful_oauth.flows.engine.errors import AnswerLost, RateLimited, ServiceRefused
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import Abandoned, Failed
from stateful_oauth.flows.oauth.domain_events import AccountsLinked, AccountsUnlinked
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from stateful_oauth.flows.oauth.outcomes import Unlinked
from stateful_oauth.flows.oauth.services import OAuthServices
from stateful_oauth.flows.unlink_account import DECLARATION
from stateful_oauth.flows.unlink_account.inputs import UnlinkAccountInputs

if TYPE_CHECKING:
    from stateful_oauth.flows.oauth.services import OAuthEffectContext


# Refusals that say how the identity stands, and not only that it cannot be asked for.
_ABOUT_THE_IDENTITY: Final = frozenset({"unlink_refused", "user_unknown"})


def unlink(context: OAuthEffectContext) -> Event:
    """DELETE the identity from the primary."""
    inputs = UnlinkAccountInputs.of(context.transaction)
    try:
        context.services.provider.management.unlink(
            inputs.primary,
            provider=inputs.provider,
            user_id=inputs.provider_user_id,
            time_limit=context.time_limit,
        )
    except RateLimited:
        raise
    except ServiceRefused as error:
        if error.code in _ABOUT_THE_IDENTITY or not context.was_tried:
            raise
        # That it may not be done now does not say that it was not done before.
        raise AnswerLost("What became of the unlinking could not be found out.", code=error.code) from error
    return Event("account_unlinked")


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
        lost_answer=LostAnswer.REPEAT,  # an identity that is not there counts as taken out
        lost_code=ProviderAnswerLost.CODE,
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
