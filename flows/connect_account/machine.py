"""Connecting an account at another provider (Auth0: Connected Accounts for Token Vault, My Account API)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.connect_account import DECLARATION
from stateful_oauth.flows.connect_account.effects import (
    ConnectionIdentified,
    ConnectionRequested,
    complete_connection,
    identify_account,
    request_connection,
    reread_accounts,
)
from stateful_oauth.flows.connect_account.inputs import ConnectAccountInputs
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
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from stateful_oauth.flows.oauth.domain_events import (
    AccountConnected,
    AccountDisconnected,
    AccountIdentified,
    GrantIssued,
)
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.flows.oauth.outcomes import Connected
from stateful_oauth.flows.oauth.services import OAuthServices, account_caller
from stateful_oauth.flows.oauth.sign_in import session_result, signed_in_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.flows.engine.transaction import Transaction
    from stateful_oauth.flows.oauth.accounts import RemoteAccount
    from stateful_oauth.flows.oauth.services import OAuthContext


@dataclass(frozen=True, slots=True, kw_only=True)
class CameBack(AuthorizationResponse):
    """The response of a browser that came back, with the session that it has now.

    Attributes:
        session: What the session keeps of the sign-in.
        standing: How that stands with the sessions of its user.
    """

    session: Mapping[str, Any] = field(default_factory=dict, repr=False)
    standing: str = field(default="", repr=False)


class ConnectAccountFlow(FlowMachine):
    """One attempt to connect an account."""

    declaration = DECLARATION
    version = 1
    inputs = ConnectAccountInputs
    services = OAuthServices
    browser_events = ("callback",)
    judged_events = ("cancel", "mismatch", "fail")
    kept_inputs = ("next", "connection")  # so that its page can offer to connect the same again
    emits = (AccountConnected, AccountIdentified, AccountDisconnected)
    relies_on = (GrantIssued, AccountIdentified)

    # States, in the order in which a connection passes them.
    created = WaitingState(initial=True)
    requesting_connection = WorkingState()
    awaiting_callback = WaitingState()
    completing_connection = WorkingState()
    identifying_account = WorkingState()
    connected = FinalState(Connected)

    cancelled = FinalState(Cancelled)
    mismatched = FinalState(Mismatched)
    failed = FinalState(Failed)
    expired = FinalState(Expired)
    abandoned = FinalState(Abandoned)

    # Effects.
    request_connection = effect(
        request_connection,
        produces=("connection_requested", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.REPEAT,  # an unused connect session expires by itself
        lost_code=ProviderAnswerLost.CODE,
    )
    complete_connection = effect(
        complete_connection,
        produces=("connection_completed", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.REREAD,  # the code is single-use, and the list of accounts tells
        lost_code=ProviderAnswerLost.CODE,
        reread=reread_accounts,
        max_attempts=8,
        waits_for_rate_limit=True,
        must_complete=True,
    )
    identify_account = effect(
        identify_account,
        produces=("account_identified", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.REPEAT,  # it only reads
        lost_code=ProviderAnswerLost.CODE,
    )

    # Edges.
    start = created.to(requesting_connection, on="request_connection")
    connection_requested = requesting_connection.to(awaiting_callback, on="keep_session")
    callback = awaiting_callback.to(completing_connection, on=["keep_connect_code", "complete_connection"])
    connection_completed = completing_connection.to(
        identifying_account, on=["note_account", "identify_account"]
    )
    account_identified = identifying_account.to(connected, on="note_provider_user")

    cancel = awaiting_callback.to(cancelled)
    mismatch = awaiting_callback.to(mismatched)
    fail = (
        requesting_connection.to(failed)
        | awaiting_callback.to(failed)
        | completing_connection.to(failed)
        | identifying_account.to(connected)  # it is connected, even if it cannot be identified
    )
    expire = awaiting_callback.to(expired)
    retry = (
        requesting_connection.to(requesting_connection, on="request_connection")
        | completing_connection.to(completing_connection, on="complete_connection")
        | identifying_account.to(identifying_account, on="identify_account")
    )
    abandon = (
        requesting_connection.to(abandoned)
        | awaiting_callback.to(abandoned)
        | completing_connection.to(abandoned)
    )

    # Actions.
    def keep_session(self, payload: ConnectionRequested) -> None:
        """Keep what the completion needs, and wait no longer than the provider does."""
        self.transition.keep_secrets(
            auth_session=payload.session.auth_session, connect_uri=payload.session.connect_uri
        )
        inputs = ConnectAccountInputs.of(self.transition.transaction)
        self.transition.keep_inputs(replace(inputs, known=payload.known))
        self.transition.wait_at_most(payload.session.expires_in)

    def keep_connect_code(self, payload: AuthorizationResponse) -> None:
        """Keep the code: recovery needs it where the completion never arrived.

        The session may have another grant than at the start: its user has signed in again in another tab.
        """
        self.transition.keep_secrets(connect_code=payload.code or Secret(""))
        if not isinstance(payload, CameBack):
            return
        inputs = ConnectAccountInputs.of(self.transition.transaction)
        self.transition.keep_inputs(
            replace(
                inputs,
                grant=payload.session.get("grant", inputs.grant),
                session=dict(payload.session),
                standing=payload.standing,
            )
        )

    def note_account(self, payload: RemoteAccount) -> None:
        """Persist the account before it is identified."""
        inputs = ConnectAccountInputs.of(self.transition.transaction)
        self.transition.emit(AccountConnected(issuer=inputs.issuer, subject=inputs.subject, account=payload))
        session = session_result(inputs.session)
        self.transition.keep_result(
            **session, standing=inputs.standing, account=payload.id, connection=payload.connection
        )

    def note_provider_user(self, payload: ConnectionIdentified) -> None:
        """Have it kept who was connected, if the provider said so, and forget the ids of before."""
        inputs, result = (
            ConnectAccountInputs.of(self.transition.transaction),
            self.transition.transaction.result,
        )
        owner = {"issuer": inputs.issuer, "subject": inputs.subject}
        if payload.user is not None:
            self.transition.emit(
                AccountIdentified(
                    **owner, connection=result["connection"], account_id=result["account"], user=payload.user
                )
            )
            self.transition.keep_result(provider_user_id=payload.user.id)
        if payload.gone:
            self.transition.emit(AccountDisconnected(**owner, account_ids=payload.gone))

    @classmethod
    def new_secrets(cls) -> dict[str, Secret]:
        """Return what ties the completion to its request."""
        return {"code_verifier": Secret(pkce.new_code_verifier())}

    @classmethod
    def route(cls, event: Event, context: OAuthContext) -> Event:
        """Check the issuer, then who is signed in, then turn an error response into its event."""
        response: AuthorizationResponse = event.payload
        # The My Account API's redirect is not an authorization response of RFC 9207: `iss` may be missing.
        issuer = ConnectAccountInputs.of(context.transaction).issuer
        if response.issuer is not None and response.issuer != issuer:
            return Event("mismatch", response, "issuer_mismatch")
        if context.caller.user_id != context.transaction.user_id:
            return Event("mismatch", response, "user_changed")
        refused = response.refusal(declined="cancel", declined_code="provider_declined")
        if refused is not None:
            return refused
        inputs, caller = ConnectAccountInputs.of(context.transaction), account_caller(context.caller)
        owner = VerifiedIdentity(issuer=inputs.issuer, subject=inputs.subject, claims={})
        came = CameBack(
            state=response.state,
            code=response.code,
            issuer=response.issuer,
            session=caller.session_of(inputs.subject),
            standing=caller.standing_of(owner),
        )
        return Event("callback", came)

    @classmethod
    def waiting_outcome(cls, context: OAuthContext) -> Outcome:
        """Send the browser to the page where the account is chosen."""
        transaction = context.transaction
        return cls.describe(RedirectTo, transaction, url=transaction.secrets["connect_uri"].reveal())

    @classmethod
    def describe(cls, outcome: type[Outcome], transaction: Transaction, **fields: Any) -> Outcome:
        """Add what was connected."""
        if outcome is Connected:
            result = transaction.result  # empty once the user has signed out
            fields |= {
                **signed_in_fields(transaction),
                "connection": result.get("connection", ""),
                "account_id": result.get("account", ""),
                "provider_user_id": result.get("provider_user_id", ""),
            }
        return super().describe(outcome, transaction, **fields)
