"""Reading who an account might be linked to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.linking_policy import Candidate, Evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stateful_oauth.flows.accounts import UserProfile
    from stateful_oauth.flows.effects import EffectContext

_MOST_OWNERS: Final = 5  # read one by one; more than one is a question to the user anyway


def candidates_of(
    context: EffectContext, issuer: str, newcomer: UserProfile, same_email: Sequence[UserProfile]
) -> list[Candidate]:
    """Return whoever connected the newcomer's account, and whoever has its e-mail.

    Args:
        same_email: The users with exactly that address, read just now.
    """
    known = {profile.user_id: profile for profile in same_email}
    found = []
    evidence = evidence_of(context, issuer, newcomer)
    for subject in list(evidence)[:_MOST_OWNERS]:
        if subject not in known:
            owner = context.provider.management.user(subject, time_limit=context.time_limit)
            if owner is None:
                continue
            known[subject] = owner
    for subject, profile in known.items():
        if subject != newcomer.user_id:
            found.append(
                candidate_of(context, issuer, newcomer, profile, evidence.get(subject, Evidence.E_MAIL))
            )
    return found


def evidence_of(context: EffectContext, issuer: str, newcomer: UserProfile) -> dict[str, Evidence]:
    """Return who connected the newcomer's account, by the provider's own user id."""
    main = newcomer.main
    if main is None:
        return {}
    owners = context.accounts.owners_of(issuer, connection=main.connection, provider_user_id=main.user_id)
    return {
        owner.subject: Evidence.CONNECTED if owner.was_verified else Evidence.CONNECTED_UNVERIFIED
        for owner in owners
    }


def candidate_of(
    context: EffectContext, issuer: str, newcomer: UserProfile, profile: UserProfile, evidence: Evidence
) -> Candidate:
    """Return an account with what is known of it here."""
    accounts = context.accounts
    return Candidate(
        profile=profile,
        evidence=evidence,
        inactive=accounts.is_inactive(issuer, profile.user_id),
        was_unlinked=accounts.was_unlinked(issuer, primary=profile.user_id, secondary=newcomer.user_id),
    )
