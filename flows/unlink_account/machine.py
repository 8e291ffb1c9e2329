"""Unlinking: a linked identity becomes an Auth0 user of its own again, without metadata (Management API)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.flows.engine.effects import Event, LostAnswer, effect
from stateful_oauth.flows.engine.errors import AnswerLost, InvalidInput, RateLimited, ServiceRefused
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import Abandoned, Failed
from stateful_oauth.flows.oauth.domain_events import AccountsLinked, AccountsUnlinked
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from stateful_oauth.flows.oauth.outcomes import Unlinked
from stateful_oauth.flows.oauth.services import OAuthServices
from stateful_oauth.flows.unlink_account import DECLARATION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.engine.transaction import Json
    from stateful_oauth.flows.oauth.services import OAuthContext, OAuthEffectContext


# Refusals that say how the identity stands, and not only that it cannot be asked for.
_ABOUT_THE_IDENTITY: Final = frozenset({"unlink_refused", "user_unknown"})


def unlink(context: OAuthEffectContext) -> Event:
    """DELETE the identity from the primary."""
    inputs = context.transaction.inputs
    try:
        context.services.provider.management.unlink(
            inputs["primary"],
            provider=inputs["provider"],
            user_id=inputs["provider_user_id"],
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
        inputs = self.transition.transaction.inputs
        self.transition.emit(AccountsUnlinked(issuer=inputs["issuer"], secondary=inputs["secondary"]))
        self.transition.keep_result(connection=inputs["connection"])

    @classmethod
    def check_inputs(
        cls, inputs: Mapping[str, Any], context: OAuthContext
    ) -> tuple[dict[str, Json], dict[str, Secret]]:
        """Take `primary` and `secondary` (Auth0 user ids), `connection`, `provider` and `provider_user_id`.

        Raises:
            InvalidInput: `input_invalid` when nobody is signed in with Auth0.
        """
        if not inputs.get("primary"):
            raise InvalidInput("input_invalid", "Only who signed in with Auth0 has linked accounts.")
        wanted = ("primary", "secondary", "connection", "provider", "provider_user_id")
        kept: dict[str, Json] = {name: inputs[name] for name in wanted}
        kept["issuer"] = context.services.provider.issuer
        if inputs.get("next"):
            kept["next"] = inputs["next"]
        return kept, {}
