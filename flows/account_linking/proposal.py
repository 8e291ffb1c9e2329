"""What a sign-in hands over to the account linking that goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.account_linking.inputs import AccountLinkingInputs, NamedAccount
from stateful_oauth.flows.engine import identifiers
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.transition import ChildTransaction

if TYPE_CHECKING:
    from stateful_oauth.flows.account_linking.policy import Decision
    from stateful_oauth.flows.engine.transition import TransitionContext
    from stateful_oauth.flows.oauth.accounts import UserProfile
    from stateful_oauth.flows.oauth.inputs import SignInInputs

_NOT_FOR_ANOTHER_ACCOUNT = frozenset(
    {"connection", "login_hint", "prompt", "max_age", "screen_hint", "invitation"}
)


def opened_linking(
    transition: TransitionContext, login: SignInInputs, newcomer: UserProfile, decision: Decision
) -> ChildTransaction:
    """Return the account linking that a sign-in opens.

    Raises:
        ValueError: The sign-in links no accounts.
    """
    if login.linking is None:
        raise ValueError("A sign-in without `linking` looks for no accounts.")
    inputs = AccountLinkingInputs(
        next=login.next,
        issuer=login.issuer,
        scope=login.scope,
        parameters={
            name: value for name, value in login.parameters.items() if name not in _NOT_FOR_ANOTHER_ACCOUNT
        },
        redirect_uri=login.linking.redirect_uri,
        linking=login.linking,
        login=str(transition.transaction.id),
        newcomer=_named(newcomer),
        candidates=tuple(_named(each.profile, str(each.evidence)) for each in decision.candidates),
        rule=str(decision.rule),
        reason=decision.reason,
        held_until=login.held_until,
        primary=decision.candidates[0].profile.user_id if decision.is_automatic else "",
    )
    return ChildTransaction(
        id=identifiers.new_transaction_id(transition.now),
        kind="account_linking",
        event=Event("start" if decision.is_automatic else "pending_link"),
        inputs=inputs,
        secrets={"sign_in": transition.transaction.secrets["sign_in"]},
    )


def _named(profile: UserProfile, evidence: str = "") -> NamedAccount:
    main = profile.main
    return NamedAccount(
        user_id=profile.user_id,
        connection="" if main is None else main.connection,
        email=profile.email,
        evidence=evidence,
    )
