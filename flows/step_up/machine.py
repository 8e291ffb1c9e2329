"""Step-up: the signed-in user authenticates once more (OpenID Connect Core §3.1.2.1, `max_age`).

The same subject has to come back, to the same browser, where the same user is still signed in. The session is
renewed with `auth_time`, `acr` and `amr`; no user is made, and no other one is signed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine.effects import Event, LostAnswer, effect
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import (
    Abandoned,
    Cancelled,
    Expired,
    Failed,
    Mismatched,
    Outcome,
    RedirectTo,
)
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth import pkce
from stateful_oauth.flows.oauth.authorization_code import url_of
from stateful_oauth.flows.oauth.domain_events import GrantIssued, GrantReleased
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from stateful_oauth.flows.oauth.held_tokens import released_tokens
from stateful_oauth.flows.oauth.outcomes import Reauthenticated
from stateful_oauth.flows.oauth.services import OAuthServices
from stateful_oauth.flows.oauth.sign_in import (
    AccountResolved,
    KnownUser,
    SignIn,
    note_sign_in,
    signed_in_fields,
)
from stateful_oauth.flows.step_up import DECLARATION
from stateful_oauth.flows.step_up.effects import authorization_request, exchange_code, push_request
from stateful_oauth.flows.step_up.inputs import StepUpInputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.transaction import Transaction
    from stateful_oauth.flows.engine.transition import TransitionContext
    from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
    from stateful_oauth.flows.oauth.openid import PushedAuthorizationResponse
    from stateful_oauth.flows.oauth.services import OAuthContext


class StepUpFlow(FlowMachine):
    """One proof of recent authentication."""

    declaration = DECLARATION
    version = 1
    inputs = StepUpInputs
    services = OAuthServices
    browser_events = ("callback",)
    judged_events = ("cancel", "mismatch", "fail")
    # So that its page can offer to ask for the same again.
    kept_inputs = ("next", "max_age", "acr_values", "connection")
    emits = (GrantIssued, GrantReleased)

    # States, in the order in which a step-up passes them.
    created = WaitingState(initial=True)
    pushing_request = WorkingState()
    awaiting_callback = WaitingState()
    exchanging_code = WorkingState()
    stepped_up = FinalState(Reauthenticated)

    cancelled = FinalState(Cancelled)
    mismatched = FinalState(Mismatched)
    failed = FinalState(Failed)
    expired = FinalState(Expired)
    abandoned = FinalState(Abandoned)

    # Effects.
    push_request = effect(
        push_request,
        produces=("request_pushed", "fail"),
        time_limit=5,
        lost_answer=LostAnswer.REPEAT,  # an unused pushed request expires by itself
        lost_code=ProviderAnswerLost.CODE,
    )
    exchange_code = effect(
        exchange_code,
        produces=("code_exchanged", "mismatch", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.FAIL,  # sending a code twice revokes what it bought (RFC 6749 §4.1.2)
        lost_code="code_exchange_lost",
    )

    # Edges.
    start = created.to(pushing_request, cond="pushes_request", on="push_request") | created.to(
        awaiting_callback, unless="pushes_request"
    )
    request_pushed = pushing_request.to(awaiting_callback, on="keep_request_uri")
    callback = awaiting_callback.to(exchanging_code, on="exchange_code")
    code_exchanged = exchanging_code.to(stepped_up, on="note_authentication")

    cancel = awaiting_callback.to(cancelled)
    mismatch = awaiting_callback.to(mismatched) | exchanging_code.to(mismatched)
    fail = (
        created.to(failed)
        | pushing_request.to(failed)
        | awaiting_callback.to(failed)
        | exchanging_code.to(failed)
    )
    expire = awaiting_callback.to(expired)
    retry = pushing_request.to(pushing_request, on="push_request")
    abandon = pushing_request.to(abandoned) | awaiting_callback.to(abandoned) | exchanging_code.to(abandoned)

    # Guards and actions.
    def pushes_request(self) -> bool:
        """Whether the authorization request is pushed first."""
        return StepUpInputs.of(self.transition.transaction).par

    def keep_request_uri(self, payload: PushedAuthorizationResponse) -> None:
        """Keep the reference for the redirect."""
        self.transition.keep_secrets(request_uri=payload.request_uri)

    def note_authentication(self, payload: SignIn) -> None:
        """Note how the user authenticated, and the grant: a new one if there is one, else the session's."""
        transaction = self.transition.transaction
        grant = StepUpInputs.of(transaction).grant
        if grant:
            self.transition.keep_result(grant=grant)
        user = KnownUser(id=str(transaction.user_id), standing=payload.identity.standing or "")
        note_sign_in(self.transition, AccountResolved(sign_in=payload, user=user))

    @classmethod
    def new_secrets(cls) -> dict[str, Secret]:
        """Return what ties the authorization response to its request."""
        return {"nonce": Secret(pkce.new_nonce()), "code_verifier": Secret(pkce.new_code_verifier())}

    @classmethod
    def let_go(cls, transition: TransitionContext) -> Sequence[DomainEvent]:
        """Have refresh tokens revoked that are not held any more."""
        return released_tokens(transition)

    @classmethod
    def route(cls, event: Event, context: OAuthContext) -> Event:
        """Check the issuer (RFC 9207 §2.4), then who is signed in, then turn an error into its event."""
        response: AuthorizationResponse = event.payload
        issuer = StepUpInputs.of(context.transaction).issuer
        if flaw := response.issuer_flaw(issuer, context.services.provider):
            return Event("mismatch", response, flaw)
        if context.caller.user_id != context.transaction.user_id:
            return Event("mismatch", response, "user_changed")
        return response.refusal(declined="cancel") or event

    @classmethod
    def waiting_outcome(cls, context: OAuthContext) -> Outcome:
        """Send the browser to the provider."""
        transaction = context.transaction
        url = url_of(context.services.provider, transaction, authorization_request(transaction))
        return cls.describe(RedirectTo, transaction, url=url)

    @classmethod
    def describe(cls, outcome: type[Outcome], transaction: Transaction, **fields: Any) -> Outcome:
        """Add whose session is renewed, and with what."""
        if outcome is Reauthenticated:
            fields |= signed_in_fields(transaction)
        return super().describe(outcome, transaction, **fields)
