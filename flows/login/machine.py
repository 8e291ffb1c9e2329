"""Sign-in: the authorization code flow (RFC 6749 §4.1) with PKCE, `nonce` and, when on, PAR (RFC 9126)."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.account_linking.proposal import opened_linking
from stateful_oauth.flows.engine.effects import Event, LostAnswer, effect
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import (
    Abandoned,
    Cancelled,
    Expired,
    Failed,
    HandedOver,
    Mismatched,
    Outcome,
    RedirectTo,
)
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.login import DECLARATION
from stateful_oauth.flows.login.effects import (
    LinkProposed,
    authorization_request,
    exchange_code,
    find_candidates,
    push_request,
    resolve_account,
)
from stateful_oauth.flows.login.inputs import LoginInputs
from stateful_oauth.flows.oauth import pkce
from stateful_oauth.flows.oauth.authorization_code import url_of
from stateful_oauth.flows.oauth.domain_events import (
    AccountIdentified,
    AccountsUnlinked,
    GrantIssued,
    GrantReleased,
    LinkChecked,
    LinkFoundUndone,
)
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from stateful_oauth.flows.oauth.held_tokens import released_tokens
from stateful_oauth.flows.oauth.inputs import HELD_FOR
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.flows.oauth.services import OAuthServices
from stateful_oauth.flows.oauth.sign_in import (
    AccountResolved,
    SignIn,
    moment_of,
    note_sign_in,
    signed_in_fields,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.transaction import Transaction
    from stateful_oauth.flows.engine.transition import TransitionContext
    from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
    from stateful_oauth.flows.oauth.openid import PushedAuthorizationResponse
    from stateful_oauth.flows.oauth.services import OAuthContext


class LoginFlow(FlowMachine):
    """One attempt to sign in."""

    declaration = DECLARATION
    version = 1
    inputs = LoginInputs
    services = OAuthServices
    held_code = "sign_in_held_too_long"
    browser_events = ("callback",)
    judged_events = ("cancel", "mismatch", "fail")
    opens = ("account_linking",)
    emits = (GrantIssued, GrantReleased, LinkChecked, LinkFoundUndone)
    relies_on = (LinkChecked, AccountIdentified, AccountsUnlinked)

    # States, in the order in which a sign-in passes them.
    created = WaitingState(initial=True)
    pushing_request = WorkingState()
    awaiting_callback = WaitingState()
    exchanging_code = WorkingState()
    resolving_account = WorkingState()
    finding_candidates = WorkingState()
    signed_in = FinalState(SignedIn)
    link_pending = FinalState(HandedOver)

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
    resolve_account = effect(
        resolve_account,
        produces=("account_resolved", "account_unknown", "fail"),
        time_limit=0,
        lost_answer=LostAnswer.LOCAL,
    )
    find_candidates = effect(
        find_candidates,
        produces=("no_candidates", "pending_link", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.REPEAT,  # it only reads
        lost_code=ProviderAnswerLost.CODE,
        waits_for_rate_limit=True,
    )

    # Edges.
    start = created.to(pushing_request, cond="pushes_request", on="push_request") | created.to(
        awaiting_callback, unless="pushes_request"
    )
    request_pushed = pushing_request.to(awaiting_callback, on="keep_request_uri")
    callback = awaiting_callback.to(exchanging_code, on="exchange_code")
    code_exchanged = exchanging_code.to(resolving_account, on="resolve_account")
    account_resolved = resolving_account.to(signed_in, on="sign_in")
    account_unknown = resolving_account.to(finding_candidates, on=["keep_sign_in", "find_candidates"])
    no_candidates = finding_candidates.to(resolving_account, on="resolve_account")
    pending_link = finding_candidates.to(link_pending, on="open_linking")

    cancel = awaiting_callback.to(cancelled)
    mismatch = awaiting_callback.to(mismatched) | exchanging_code.to(mismatched)
    fail = (
        created.to(failed)
        | pushing_request.to(failed)
        | awaiting_callback.to(failed)
        | exchanging_code.to(failed)
        | resolving_account.to(failed)
        # A failing Management API locks no user out: the next sign-in looks again.
        | finding_candidates.to(resolving_account, on="resolve_account")
    )
    expire = awaiting_callback.to(expired)
    retry = pushing_request.to(pushing_request, on="push_request") | finding_candidates.to(
        finding_candidates, on="find_candidates"
    )
    abandon = (
        pushing_request.to(abandoned)
        | awaiting_callback.to(abandoned)
        | exchanging_code.to(abandoned)
        | finding_candidates.to(abandoned)
    )

    # Guards and actions.
    def pushes_request(self) -> bool:
        """Whether the authorization request is pushed first."""
        return LoginInputs.of(self.transition.transaction).par

    def keep_request_uri(self, payload: PushedAuthorizationResponse) -> None:
        """Keep the reference for the redirect."""
        self.transition.keep_secrets(request_uri=payload.request_uri)

    def sign_in(self, payload: AccountResolved) -> None:
        """Note who signed in, and the grant if there is one."""
        note_sign_in(self.transition, payload)
        if payload.link_checked:
            identity = payload.sign_in.identity
            self.transition.emit(LinkChecked(issuer=identity.issuer, subject=identity.subject))

    def keep_sign_in(self, payload: SignIn) -> None:
        """Keep what the provider granted: its code is spent, and the decision is still to come."""
        self.transition.keep_secrets(sign_in=payload.to_secret())
        inputs = LoginInputs.of(self.transition.transaction)
        lifetime = inputs.linking.held_for if inputs.linking else HELD_FOR
        self.transition.keep_inputs(replace(inputs, held_until=payload.held_until(lifetime)))

    def open_linking(self, payload: LinkProposed) -> None:
        """Hand the sign-in over to an account linking."""
        if payload.link_found_undone:
            identity = SignIn.from_secret(self.transition.transaction.secrets["sign_in"]).identity
            self.transition.emit(LinkFoundUndone(issuer=identity.issuer, secondary=identity.subject))
        child = opened_linking(
            self.transition, LoginInputs.of(self.transition.transaction), payload.newcomer, payload.decision
        )
        self.transition.open(child)
        self.transition.keep_result(linking=str(child.id))

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
        """Check the issuer first (RFC 9207 §2.4), then turn an error response into its event."""
        if event.name != "callback":
            return event
        response: AuthorizationResponse = event.payload
        if flaw := response.issuer_flaw(
            LoginInputs.of(context.transaction).issuer, context.services.provider
        ):
            return Event("mismatch", response, flaw)
        return response.refusal(declined="cancel") or event

    @classmethod
    def held_until(cls, transaction: Transaction) -> datetime | None:
        """Return until when the sign-in may wait for a decision."""
        return moment_of(LoginInputs.of(transaction).held_until)

    @classmethod
    def waiting_outcome(cls, context: OAuthContext) -> Outcome:
        """Send the browser to the provider."""
        transaction = context.transaction
        url = url_of(context.services.provider, transaction, authorization_request(transaction))
        return cls.describe(RedirectTo, transaction, url=url)

    @classmethod
    def describe(cls, outcome: type[Outcome], transaction: Transaction, **fields: Any) -> Outcome:
        """Add who signed in, or which transaction goes on with it."""
        if outcome is HandedOver:
            fields |= {"child_id": uuid.UUID(transaction.result["linking"])}
        elif outcome is SignedIn:
            fields |= signed_in_fields(transaction)
        return super().describe(outcome, transaction, **fields)
