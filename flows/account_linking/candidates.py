"""Reading who an account might be linked to, and deciding anew whether it may."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.account_linking.inputs import AccountLinkingInputs
from stateful_oauth.flows.account_linking.policy import Candidate, Evidence, LinkingRules, Rule, decide
from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.oauth.services import account_caller

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stateful_oauth.flows.engine.transaction import Json
    from stateful_oauth.flows.oauth.accounts import AccountOwner, UserProfile
    from stateful_oauth.flows.oauth.services import OAuthEffectContext

_MOST_OWNERS: Final = 5  # read one by one; more than one is a question to the user anyway


@dataclass(frozen=True, slots=True)
class Found:
    """The candidates, and whether the newcomer's own Django user is inactive."""

    candidates: Sequence[Candidate]
    newcomer_inactive: bool = False


def candidates_of(
    context: OAuthEffectContext,
    issuer: str,
    newcomer: UserProfile,
    same_email: Sequence[UserProfile],
    parted_from: str | None = None,
) -> Found:
    """Return the users who connected the newcomer's account, and those with its email.

    Args:
        same_email: The users with exactly that email, read just now.
        parted_from: The `sub` that the newcomer is linked to here, and no longer at the provider.
    """
    known = {profile.user_id: profile for profile in same_email}
    owners = _owners_of(context, issuer, newcomer)
    if len(owners) > _MOST_OWNERS:
        # Owners that were not read are no reason to link.
        owners = {subject: replace(owner, was_verified=False) for subject, owner in owners.items()}
    for subject in list(owners)[:_MOST_OWNERS]:
        if subject not in known:
            owner = context.services.provider.management.user(subject, time_limit=context.time_limit)
            if owner is not None:
                known[subject] = owner
    profiles = [profile for subject, profile in known.items() if subject != newcomer.user_id]
    return _candidates(context, issuer, newcomer, profiles, owners, parted_from=parted_from)


def compared_with(
    context: OAuthEffectContext, issuer: str, newcomer: UserProfile, profiles: Sequence[UserProfile]
) -> Found:
    """Return accounts with what is known of them here, and what speaks for them now."""
    return _candidates(context, issuer, newcomer, profiles, _owners_of(context, issuer, newcomer))


def _owners_of(context: OAuthEffectContext, issuer: str, newcomer: UserProfile) -> dict[str, AccountOwner]:
    """Return who connected the newcomer's account, by the provider's own user id."""
    main = newcomer.main
    if main is None:
        return {}
    owners = context.services.accounts.owners_of(
        issuer, connection=main.connection, provider_user_id=main.user_id
    )
    return {owner.subject: owner for owner in owners}


def _candidates(
    context: OAuthEffectContext,
    issuer: str,
    newcomer: UserProfile,
    profiles: Sequence[UserProfile],
    owners: Mapping[str, AccountOwner],
    *,
    parted_from: str | None = None,
) -> Found:
    """Return accounts with what is known of them here: one look for all of them."""
    if not profiles:
        return Found(())
    subjects = [profile.user_id for profile in profiles]
    inactive = context.services.accounts.inactive(issuer, [*subjects, newcomer.user_id])
    unlinked = context.services.accounts.unlinked_from(issuer, newcomer.user_id, subjects)
    candidates = [
        Candidate(
            profile=profile,
            evidence=_evidence(profile, owners.get(profile.user_id)),
            inactive=profile.user_id in inactive,
            was_unlinked=profile.user_id in unlinked or profile.user_id == parted_from,
        )
        for profile in profiles
    ]
    return Found(candidates, newcomer.user_id in inactive)


def _evidence(profile: UserProfile, owner: AccountOwner | None) -> Evidence:
    if owner is None:
        return Evidence.E_MAIL
    # The account may have changed hands together with its email. An account connected under an earlier email
    # may have been planted, even if this email is verified by now.
    same_hands = owner.was_verified and owner.email == profile.email
    return Evidence.CONNECTED if same_hands else Evidence.CONNECTED_UNVERIFIED


def check_still_allowed(
    context: OAuthEffectContext,
    primary: UserProfile,
    newcomer: UserProfile,
    same_email: Sequence[UserProfile] | None = None,
) -> None:
    """Decide anew, by the stricter of what the project chose when the sign-in started and what it says today.

    Args:
        same_email: All users with the newcomer's email, read just now; None judges the primary alone.

    Raises:
        ServiceRefused: `newcomer_blocked`, or `link_not_allowed` when the decision is not the same any more.
    """
    inputs = AccountLinkingInputs.of(context.transaction)
    if newcomer.blocked:
        raise ServiceRefused("newcomer_blocked", "The account that signed in is blocked.")
    today = account_caller(context.caller).linking_choices(context.transaction.tenant)
    rules = LinkingRules.of(inputs.linking).within(today)
    chosen_by_user = inputs.rule == Rule.CONFIRMATION
    if chosen_by_user or same_email is None:
        found = compared_with(context, inputs.issuer, newcomer, [primary])
    else:
        others = [each for each in same_email if each.user_id != primary.user_id]
        found = candidates_of(context, inputs.issuer, newcomer, [primary, *others])
    decision = decide(newcomer, found.candidates, rules, newcomer_inactive=found.newcomer_inactive)
    flaw = decision.reason if decision.rule is Rule.NONE else ""
    if not flaw and primary.user_id not in {each.profile.user_id for each in decision.candidates}:
        flaw = "other_candidate"
    if not flaw and not chosen_by_user:
        # Another rule is another decision. So is another email: who has that was not looked for.
        same = (decision.rule, newcomer.email) == (inputs.rule, inputs.newcomer.email)
        flaw = "" if same else decision.reason or f"it would be {decision.rule}"
    if flaw:
        raise ServiceRefused("link_not_allowed", f"Not any more: {flaw}.")


def evidence_of(
    inputs: AccountLinkingInputs, primary: UserProfile, newcomer: UserProfile | None
) -> dict[str, Json]:
    """Return what a decision stands on, to be kept with the link: nothing secret."""
    chosen = next((each for each in inputs.candidates if each.user_id == primary.user_id), None)
    found: dict[str, Json] = {
        "reason": inputs.reason,
        "candidates": len(inputs.candidates),
        "evidence": None if chosen is None else chosen.evidence,
        "primary_connection": None if primary.main is None else primary.main.connection,
        "primary_email_verified": primary.email_verified,
    }
    if newcomer is not None and newcomer.main is not None:
        found["secondary_connection"] = newcomer.main.connection
        found["secondary_email_verified"] = newcomer.email_verified
        found["same_email"] = bool(newcomer.email) and newcomer.email == primary.email
    return found
