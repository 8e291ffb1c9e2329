"""The effects of a sign-in: what each asks of the provider, and with which event it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.account_linking.candidates import candidates_of
from stateful_oauth.flows.account_linking.policy import LinkingRules, Rule, decide
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.login.inputs import LoginInputs
from stateful_oauth.flows.oauth.authorization_code import granted, request_of
from stateful_oauth.flows.oauth.services import account_caller
from stateful_oauth.flows.oauth.sign_in import AccountResolved, SignIn, check_may_finish

if TYPE_CHECKING:
    from stateful_oauth.flows.account_linking.policy import Decision
    from stateful_oauth.flows.engine.transaction import Transaction
    from stateful_oauth.flows.oauth.accounts import UserProfile
    from stateful_oauth.flows.oauth.openid import AuthorizationRequest
    from stateful_oauth.flows.oauth.services import OAuthEffectContext


def authorization_request(transaction: Transaction) -> AuthorizationRequest:
    """Build the authorization request that a row stands for."""
    inputs = LoginInputs.of(transaction)
    return request_of(transaction, inputs, inputs.parameters)


def push_request(context: OAuthEffectContext) -> Event:
    """POST the authorization request to the provider (RFC 9126)."""
    pushed = context.services.provider.push_authorization_request(
        authorization_request(context.transaction), time_limit=context.time_limit
    )
    return Event("request_pushed", pushed)


def exchange_code(context: OAuthEffectContext) -> Event:
    """POST the code to the token endpoint, and check the ID token that comes back."""
    inputs = LoginInputs.of(context.transaction)
    parameters = inputs.parameters
    sign_in = granted(
        context,
        max_age=int(parameters["max_age"]) if "max_age" in parameters else None,
        acr_values=tuple(parameters.get("acr_values", "").split()),
        organization=parameters.get("organization"),
        subject=inputs.subject or None,
    )
    return Event("code_exchanged", sign_in)


def resolve_account(context: OAuthEffectContext) -> Event:
    """Find or make the Django user of the identity, in the settle transaction.

    Not before accounts that it might be linked to were looked for, where the project links accounts.
    """
    inputs, kept = LoginInputs.of(context.transaction), context.transaction.secrets.get("sign_in")
    check_may_finish(context.transaction, inputs.held_until, now=context.clock.now())
    sign_in: SignIn = context.payload if kept is None else SignIn.from_secret(kept)
    if (
        kept is None
        and inputs.linking is not None
        and account_caller(context.caller).link_check_due(sign_in.identity)
    ):
        return Event(
            "account_unknown", sign_in.held(account_caller(context.caller).standing_of(sign_in.identity))
        )
    if context.payload in (_GONE, _BLOCKED):
        raise ServiceRefused(context.payload.reason, "The account that signed in is gone, or blocked.")
    caller = account_caller(context.caller)
    user = caller.resolve_account(sign_in.identity, tenant=context.transaction.tenant)
    checked = isinstance(context.payload, NoCandidates)
    hint = "" if sign_in.id_token is None else caller.sealed_for_session(sign_in.id_token)
    resolved = AccountResolved(sign_in=sign_in, user=user, link_checked=checked, id_token_hint=hint)
    return Event("account_resolved", resolved, context.transaction.code, user.note)


@dataclass(frozen=True, slots=True)
class NoCandidates:
    """There is nothing to link; `reason` says why."""

    reason: str


_GONE: Final = NoCandidates("newcomer_gone")  # deleted, or linked to another one, since it signed in
_BLOCKED: Final = NoCandidates("newcomer_blocked")  # since it signed in


@dataclass(frozen=True, slots=True)
class LinkProposed:
    """There is something to link."""

    newcomer: UserProfile
    decision: Decision
    link_found_undone: bool = False  # of the newcomer, which is no part of another account any more


def find_candidates(context: OAuthEffectContext) -> Event:
    """GET the accounts that may be the same person's from the Management API, and decide."""
    sign_in = SignIn.from_secret(context.transaction.secrets["sign_in"])
    management, identity = context.services.provider.management, sign_in.identity
    # Asked before the provider is: an account that it lists after that is apart again, whatever is linked
    # meanwhile.
    parted_from = context.services.accounts.linked_to(identity.issuer, identity.subject)
    email = identity.claims.get("email")
    # Also finds the newcomer, so that one call does for most.
    profiles = (
        list(management.users_by_email(email, time_limit=context.time_limit))
        if isinstance(email, str) and email
        else []
    )
    newcomer = next((each for each in profiles if each.user_id == identity.subject), None)
    newcomer = newcomer or management.user(identity.subject, time_limit=context.time_limit)
    if newcomer is None:
        return Event("no_candidates", _GONE)
    if newcomer.blocked:
        return Event("no_candidates", _BLOCKED)
    found = candidates_of(context, identity.issuer, newcomer, profiles, parted_from)
    today = account_caller(context.caller).linking_choices(context.transaction.tenant)
    chosen = LoginInputs.of(context.transaction).linking
    rules = LinkingRules.of(chosen or today).within(today)
    decision = decide(newcomer, found.candidates, rules, newcomer_inactive=found.newcomer_inactive)
    if decision.rule is Rule.NONE:
        return Event("no_candidates", NoCandidates(decision.reason))
    return Event("pending_link", LinkProposed(newcomer, decision, parted_from is not None))
