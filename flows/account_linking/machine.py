"""Linking accounts: one person's two Auth0 users become one, without asking or after a proof."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.account_linking import DECLARATION
from stateful_oauth.flows.account_linking.effects import (
    ProfilesRead,
    authorization_request,
    link_accounts,
    merge_metadata,
    push_request,
    read_profiles,
    reread_link,
    resolve_newcomer,
    resolve_primary,
    verify_primary,
)
from stateful_oauth.flows.account_linking.inputs import AccountLinkingInputs, KeptIdentity, NamedAccount
from stateful_oauth.flows.engine.effects import Event, LostAnswer, effect
from stateful_oauth.flows.engine.errors import EventNotAllowed
from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.engine.outcomes import Abandoned, Expired, Failed, Mismatched, Outcome, RedirectTo
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth import pkce
from stateful_oauth.flows.oauth.authorization_code import url_of
from stateful_oauth.flows.oauth.domain_events import (
    AccountIdentified,
    AccountsLinked,
    AccountsUnlinked,
    GrantIssued,
    GrantReleased,
    LinkChecked,
)
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from stateful_oauth.flows.oauth.held_tokens import released_tokens
from stateful_oauth.flows.oauth.outcomes import AccountName, ConfirmationNeeded, KeptApart, Linked
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


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The user wants to sign in with an account that was there first.

    Attributes:
        user_id: The candidate.
        pushed: Whether the provider takes pushed requests: then what the proof depends on (`prompt` and
            `max_age`) is out of reach for the browser.
    """

    user_id: str
    pushed: bool = False


class AccountLinkingFlow(FlowMachine):
    """One attempt to link accounts. A sign-in opens it, and it finishes that sign-in."""

    declaration = DECLARATION
    version = 1
    inputs = AccountLinkingInputs
    services = OAuthServices
    held_code = "sign_in_held_too_long"
    browser_events = ("confirm", "callback", "cancel")
    judged_events = ("decline", "mismatch", "fail")
    emits = (AccountsLinked, GrantIssued, GrantReleased, LinkChecked)
    relies_on = (AccountIdentified, AccountsUnlinked)

    # States, in the order in which a link passes them.
    created = WaitingState(initial=True)
    awaiting_confirmation = WaitingState()
    pushing_request = WorkingState()
    awaiting_callback = WaitingState()
    verifying_primary = WorkingState()
    wrong_account = WaitingState()
    reading_profiles = WorkingState()
    linking = WorkingState()
    merging_metadata = WorkingState()
    resolving_primary = WorkingState()
    linked = FinalState(Linked)

    keeping_apart = WorkingState()
    kept_apart = FinalState(KeptApart)
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
    verify_primary = effect(
        verify_primary,
        produces=("primary_verified", "mismatch", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.FAIL,  # sending a code twice revokes what it bought (RFC 6749 §4.1.2)
        lost_code="code_exchange_lost",
    )
    read_profiles = effect(
        read_profiles,
        produces=("profiles_read", "accounts_linked", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.REPEAT,  # it only reads
        lost_code=ProviderAnswerLost.CODE,
        waits_for_rate_limit=True,
    )
    link_accounts = effect(
        link_accounts,
        produces=("accounts_linked", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.REREAD,  # the primary's identities tell whether it happened
        lost_code=ProviderAnswerLost.CODE,
        reread=reread_link,
        max_attempts=8,
        waits_for_rate_limit=True,
        must_complete=True,
    )
    merge_metadata = effect(
        merge_metadata,
        produces=("metadata_merged", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.REPEAT,  # writes only what is not there: once more changes nothing
        lost_code=ProviderAnswerLost.CODE,
        max_attempts=8,
        waits_for_rate_limit=True,
        must_complete=True,
    )
    resolve_primary = effect(
        resolve_primary,
        produces=("account_resolved", "fail"),
        time_limit=0,
        lost_answer=LostAnswer.LOCAL,
    )
    resolve_newcomer = effect(
        resolve_newcomer,
        produces=("account_resolved", "fail"),
        time_limit=0,
        lost_answer=LostAnswer.LOCAL,
    )

    # Edges.
    start = created.to(reading_profiles, on="read_profiles")
    pending_link = created.to(awaiting_confirmation)
    confirm = (
        awaiting_confirmation.to(pushing_request, cond="pushes_request", on=["ask_again", "push_request"])
        | awaiting_confirmation.to(awaiting_callback, unless="pushes_request", on="ask_again")
        | wrong_account.to(pushing_request, cond="pushes_request", on=["ask_again", "push_request"])
        | wrong_account.to(awaiting_callback, unless="pushes_request", on="ask_again")
    )
    request_pushed = pushing_request.to(awaiting_callback, on="keep_request_uri")
    callback = awaiting_callback.to(verifying_primary, on="verify_primary")
    decline = awaiting_callback.to(awaiting_confirmation)
    primary_verified = verifying_primary.to(reading_profiles, on=["keep_primary", "read_profiles"])
    profiles_read = reading_profiles.to(linking, on=["keep_profiles", "link_accounts"])
    accounts_linked = linking.to(merging_metadata, on=["note_link", "merge_metadata"]) | reading_profiles.to(
        merging_metadata, on=["keep_profiles", "note_link", "merge_metadata"]
    )
    metadata_merged = merging_metadata.to(resolving_primary, on="resolve_primary")
    account_resolved = resolving_primary.to(linked, on="sign_in") | keeping_apart.to(kept_apart, on="sign_in")

    cancel = (
        awaiting_confirmation.to(keeping_apart, on="resolve_newcomer")
        | awaiting_callback.to(keeping_apart, on="resolve_newcomer")
        | wrong_account.to(keeping_apart, on="resolve_newcomer")
    )
    mismatch = (
        awaiting_callback.to(mismatched)
        | verifying_primary.to(wrong_account, cond="may_try_again")
        | verifying_primary.to(mismatched, unless="may_try_again")
    )
    fail = (
        pushing_request.to(awaiting_confirmation)
        | awaiting_callback.to(awaiting_confirmation)
        | verifying_primary.to(awaiting_confirmation)
        # Where the newcomer is no account any more, or a blocked one, there is no user to sign in.
        | reading_profiles.to(failed, cond="newcomer_is_gone")
        | reading_profiles.to(keeping_apart, unless="newcomer_is_gone", on="resolve_newcomer")
        | linking.to(failed, cond="newcomer_is_gone")
        | linking.to(keeping_apart, unless="newcomer_is_gone", on="resolve_newcomer")
        # The accounts are one by then, and that counts.
        | merging_metadata.to(resolving_primary, on="resolve_primary")
        | resolving_primary.to(failed)
        | keeping_apart.to(failed)
    )
    expire = awaiting_confirmation.to(expired) | awaiting_callback.to(expired) | wrong_account.to(expired)
    retry = (
        pushing_request.to(pushing_request, on="push_request")
        | reading_profiles.to(reading_profiles, on="read_profiles")
        | linking.to(linking, on="link_accounts")
        | merging_metadata.to(merging_metadata, on="merge_metadata")
    )
    abandon = (
        awaiting_confirmation.to(abandoned)
        | pushing_request.to(abandoned)
        | awaiting_callback.to(abandoned)
        | verifying_primary.to(abandoned)
        | wrong_account.to(abandoned)
        | reading_profiles.to(abandoned)
        | linking.to(abandoned)
        | merging_metadata.to(abandoned)
    )

    @property
    def _inputs(self) -> AccountLinkingInputs:
        return AccountLinkingInputs.of(self.transition.transaction)

    # Guards.
    def pushes_request(self, payload: Confirmation) -> bool:
        """Whether the authorization request is pushed first."""
        return payload.pushed

    def may_try_again(self, payload: Any) -> bool:
        """Whether another account than the expected one was chosen, and the user may choose again."""
        return getattr(payload, "code", "") == "wrong_account" and self._inputs.tries_left > 0

    def newcomer_is_gone(self, payload: Any) -> bool:
        """Whether there is no account to sign in as: the newcomer is none any more, or was blocked.

        Who has proved another account is signed in with that one, unless the newcomer was blocked.
        """
        code = getattr(payload, "code", "")
        is_proved = "primary_sign_in" in self.transition.transaction.secrets
        return code == "newcomer_blocked" or (code == "newcomer_gone" and not is_proved)

    # Actions.
    def ask_again(self, payload: Confirmation) -> None:
        """Choose the account to ask for; a fresh `state`, `nonce` and verifier match no older answer."""
        inputs, asked_at = self._inputs, self.transition.now.isoformat()
        self.transition.keep_inputs(
            replace(inputs, expected=payload.user_id, tries=inputs.tries + 1, asked_at=asked_at)
        )
        self.transition.drop_secrets("request_uri")
        self.transition.renew_state(
            nonce=Secret(pkce.new_nonce()), code_verifier=Secret(pkce.new_code_verifier())
        )

    def keep_request_uri(self, payload: PushedAuthorizationResponse) -> None:
        """Keep the reference for the redirect, which is made now."""
        self.transition.keep_secrets(request_uri=payload.request_uri)
        self.transition.keep_inputs(replace(self._inputs, asked_at=self.transition.now.isoformat()))

    def keep_primary(self, payload: SignIn) -> None:
        """Keep who proved to own the account that was there first."""
        self.transition.keep_secrets(primary_sign_in=payload.to_secret())
        inputs = self._inputs
        until = payload.held_until(inputs.linking.held_for)
        self.transition.keep_inputs(
            replace(inputs, primary=payload.identity.subject, primary_held_until=until)
        )

    def keep_profiles(self, payload: ProfilesRead) -> None:
        """Keep what the link will discard, and what it stands on."""
        self.transition.keep_secrets(metadata=Secret(json.dumps(payload.metadata)))
        self.transition.keep_inputs(
            replace(
                self._inputs,
                identity=KeptIdentity.of(payload.identity),
                evidence=payload.evidence,
                secondary_user=payload.secondary_user,
            )
        )

    def note_link(self, payload: ProfilesRead) -> None:
        """Have the link kept, with its evidence, whatever becomes of the rest."""
        inputs = self._inputs
        self.transition.emit(
            AccountsLinked(
                issuer=inputs.issuer,
                primary=inputs.primary,
                secondary=inputs.newcomer.user_id,
                identity=payload.identity,
                email=inputs.newcomer.email,
                rule=inputs.rule,
                evidence=payload.evidence,
            )
        )

    def sign_in(self, payload: AccountResolved) -> None:
        """Note who is signed in, and the grant if there is one."""
        note_sign_in(self.transition, payload)
        if payload.link_checked:
            identity = payload.sign_in.identity
            self.transition.emit(LinkChecked(issuer=identity.issuer, subject=identity.subject))

    @classmethod
    def let_go(cls, transition: TransitionContext) -> Sequence[DomainEvent]:
        """Have refresh tokens revoked that are not held any more."""
        return released_tokens(transition)

    @classmethod
    def route(cls, event: Event, context: OAuthContext) -> Event:
        """Check the account that a confirmation names; check a callback's issuer first, then its error."""
        if event.name == "confirm":
            pushed = context.services.provider.takes_pushed_authorization_requests()
            chosen = _chosen(event.payload, AccountLinkingInputs.of(context.transaction))
            return Event(
                "confirm",
                Confirmation(chosen, pushed),
            )
        if event.name != "callback":
            return event
        response: AuthorizationResponse = event.payload
        issuer = AccountLinkingInputs.of(context.transaction).issuer
        if flaw := response.issuer_flaw(issuer, context.services.provider):
            return Event("mismatch", response, flaw)
        return response.refusal(declined="decline") or event

    @classmethod
    def held_until(cls, transaction: Transaction) -> datetime | None:
        """Return until when the sign-in may wait; the proof of the primary is a sign-in of its own."""
        return moment_of(AccountLinkingInputs.of(transaction).until)

    @classmethod
    def waiting_outcome(cls, context: OAuthContext) -> Outcome:
        """Ask the user, or send the browser to the provider."""
        transaction, provider = context.transaction, context.services.provider
        if transaction.state == cls.awaiting_callback.value:
            url = url_of(provider, transaction, authorization_request(transaction))
            return cls.describe(RedirectTo, transaction, url=url)
        inputs = AccountLinkingInputs.of(transaction)
        return cls.describe(
            ConfirmationNeeded,
            transaction,
            newcomer=_account_name(inputs.newcomer),
            candidates=tuple(map(_account_name, inputs.candidates)),
            wrong_account=transaction.state == cls.wrong_account.value,
            tries_left=inputs.tries_left,
        )

    @classmethod
    def describe(cls, outcome: type[Outcome], transaction: Transaction, **fields: Any) -> Outcome:
        """Add who is signed in."""
        if issubclass(outcome, (Linked, KeptApart)):
            fields |= signed_in_fields(transaction)
        return super().describe(outcome, transaction, **fields)


def _chosen(position: object, inputs: AccountLinkingInputs) -> str:
    """Return the candidate that a confirmation means: the only one, or the one at a position, from 0.

    Positions, because a provider's user id is nothing that a page may tell.

    Raises:
        EventNotAllowed: `candidate_unknown`.
    """
    candidates = [each.user_id for each in inputs.candidates]
    if not position and len(candidates) == 1:
        return candidates[0]
    offered = {str(number): user_id for number, user_id in enumerate(candidates)}
    if not isinstance(position, str) or position not in offered:
        raise EventNotAllowed("The form names an account that was not offered.", code="candidate_unknown")
    return offered[position]


def _account_name(kept: NamedAccount) -> AccountName:
    return AccountName(connection=kept.connection, email=kept.email)
