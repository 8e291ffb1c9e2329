"""Reading who an account might be linked to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.account_linking.policy import Candidate, Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stateful_oauth.flows.engine.context import EffectContext
    from stateful_oauth.flows.oauth.accounts import AccountOwner, UserProfile

_MOST_OWNERS: Final = 5  # read one by one; more than one is a question to the user anyway


@dataclass(frozen=True, slots=True)
class Found:
    """The candidates, and whether the newcomer's own Django user is inactive."""

    candidates: Sequence[Candidate]
    newcomer_inactive: bool = False


def candidates_of(
    context: OAuthEffectContext, issuer: str, newcomer: UserProfile, same_email: Sequence[UserProfile]
) -> Found:
    """Return whoever connected the newcomer's account, and whoever has its e-mail.

    Args:
        same_email: The users with exactly that address, read just now.
    """
    known = {profile.user_id: profile for profile in same_email}
    owners = _owners_of(context, issuer, newcomer)
    if len(owners) > _MOST_OWNERS:
        # Nobody is linked because the others were not looked at.
        owners = {subject: replace(owner, was_verified=False) for subject, owner in owners.items()}
    for subject in list(owners)[:_MOST_OWNERS]:
        if subject not in known:
            owner = context.services.provider.management.user(subject, time_limit=context.time_limit)
            if owner is not None:
                known[subject] = owner
    profiles = [profile for subject, profile in known.items() if subject != newcomer.user_id]
    return _candidates(context, issuer, newcomer, profiles, owners)


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
            was_unlinked=profile.user_id in unlinked,
        )
        for profile in profiles
    ]
    return Found(candidates, newcomer.user_id in inactive)


def _evidence(profile: UserProfile, owner: AccountOwner | None) -> Evidence:
    if owner is None:
        return Evidence.E_MAIL
    # An account may have changed hands with its address since: what was connected under another one may have
    # been planted, whoever has verified this one by now.
    same_hands = owner.was_verified and owner.email == profile.email
    return Evidence.CONNECTED if same_hands else Evidence.CONNECTED_UNVERIFIED
