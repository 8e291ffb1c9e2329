"""Which accounts are one person's, and who has to say so: a pure function over what was read.

The rules, by number as docs/linking.md explains them. The account that was there first is always the primary.

1. The candidate's owner connected the newcomer's account: it may be linked without asking.
2. The same verified email, a password account first and a trusted connection later: the same.
3. The same email otherwise: the user has to sign in with the account that was there first.
   An account that is younger at the provider is no candidate: it is the newcomer when it signs in.
4. Never without asking: several candidates, a candidate with several identities, an email that is missing
   or not verified, a link that was undone. Not at all: an inactive or blocked user on either side, and an
   account with an unverified email as its only evidence: the user who registered it may not own the email.
5. A project may always ask, or never link.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stateful_oauth.flows.oauth.accounts import UserProfile
    from stateful_oauth.flows.oauth.inputs import LinkingChoices

_DATABASE: Final = "auth0"  # the provider of Auth0's own password connections


class Mode(StrEnum):
    """Rule 5: what a project chose."""

    AUTOMATIC = "automatic"
    CONFIRM = "confirm"
    OFF = "off"


_STRICTNESS: Final = (Mode.AUTOMATIC, Mode.CONFIRM, Mode.OFF)


class Evidence(StrEnum):
    """What speaks for a candidate."""

    E_MAIL = "e-mail"
    CONNECTED = "connected"  # it connected the newcomer's account under its own e-mail of today, verified
    CONNECTED_UNVERIFIED = "connected unverified"  # the same without that: another person may have done it


class Rule(StrEnum):
    """Which rule a decision follows."""

    CONNECTED_ACCOUNT = "connected_account"  # 1
    VERIFIED_EMAIL = "verified_email"  # 2
    CONFIRMATION = "confirmation"  # 3 and 4
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkingRules:
    """What a project chose.

    Attributes:
        trusted_connections: Names of connections whose `email_verified` is believed.
    """

    mode: Mode
    trusted_connections: Collection[str] = ()

    @classmethod
    def of(cls, chosen: LinkingChoices) -> LinkingRules:
        """Return the rules of what a project chose."""
        return cls(mode=Mode(chosen.mode), trusted_connections=chosen.trusted)

    def within(self, today: LinkingChoices) -> LinkingRules:
        """Return the stricter of these and what the project chooses today: the latter may only narrow.

        Args:
            today: As `AccountCaller.linking_choices` returns them.
        """
        other = LinkingRules.of(today)
        return LinkingRules(
            mode=max(self.mode, other.mode, key=_STRICTNESS.index),
            trusted_connections=frozenset(self.trusted_connections) & frozenset(other.trusted_connections),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An account that the newcomer might be linked to.

    Attributes:
        inactive: Its Django user is not active.
        was_unlinked: The newcomer was linked to it before, or it to the newcomer, and the link was undone.
    """

    profile: UserProfile
    evidence: Evidence
    inactive: bool = False
    was_unlinked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done.

    Attributes:
        rule: `NONE` when nothing is linked.
        candidates: The accounts that may be the primary: exactly one if the link is automatic.
        reason: Why nothing is linked, or why the user is asked; for the log.
    """

    rule: Rule
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""

    @property
    def is_automatic(self) -> bool:
        """Whether the accounts are linked without asking the user."""
        return self.rule in (Rule.CONNECTED_ACCOUNT, Rule.VERIFIED_EMAIL)


def decide(
    newcomer: UserProfile,
    candidates: Sequence[Candidate],
    rules: LinkingRules,
    *,
    newcomer_inactive: bool = False,
) -> Decision:
    """Decide about an account that signs in for the first time.

    Args:
        newcomer: As the provider shows it now.
        candidates: The accounts that have its email or connected its account. Unfit ones are left out here.
        newcomer_inactive: Its Django user is not active.
    """
    if rules.mode is Mode.OFF:
        return _nothing("linking_off")
    if newcomer_inactive or newcomer.blocked:
        # A link would hand the account over, and take the block away.
        return _nothing("newcomer_inactive")
    if len(newcomer.identities) != 1:
        # What becomes of the other identities when such an account is linked is not documented.
        return _nothing("newcomer_has_identities")
    others = [each for each in candidates if each.profile.user_id != newcomer.user_id]
    flaws = [_flaw(newcomer, each) for each in others]
    fit = tuple(each for each, flaw in zip(others, flaws, strict=True) if not flaw)
    if not fit:
        return _nothing(next(filter(None, flaws), "no_candidate"))
    reason = _reason_to_ask(newcomer, fit, rules)
    if reason:
        return Decision(rule=Rule.CONFIRMATION, candidates=fit, reason=reason)
    by_connection = fit[0].evidence is Evidence.CONNECTED
    return Decision(rule=Rule.CONNECTED_ACCOUNT if by_connection else Rule.VERIFIED_EMAIL, candidates=fit)


def _nothing(reason: str) -> Decision:
    return Decision(rule=Rule.NONE, reason=reason)


def _flaw(newcomer: UserProfile, candidate: Candidate) -> str:
    """Return why an account is no candidate, or an empty string."""
    profile = candidate.profile
    if candidate.inactive or profile.blocked:
        return "candidate_inactive"
    if not profile.identities:
        return "candidate_incomplete"
    if candidate.evidence is not Evidence.E_MAIL:
        return ""
    if not profile.email or profile.email != newcomer.email:
        return "other_email"  # to the letter: an email that looks alike may be another user's
    if not profile.email_verified:
        return "candidate_unverified"
    return "candidate_is_newer" if _is_newer(profile, newcomer) else ""


def _is_newer(profile: UserProfile, newcomer: UserProfile) -> bool:
    """Whether the account that signs in was there first: it is found when the other one signs in."""
    ours, theirs = profile.created_at, newcomer.created_at
    return ours is not None and theirs is not None and ours > theirs


def _reason_to_ask(newcomer: UserProfile, fit: Sequence[Candidate], rules: LinkingRules) -> str:
    """Return why the user has to say so, or an empty string: the first of these that holds."""
    candidate, profile = fit[0], fit[0].profile
    always = {
        "always_ask": rules.mode is Mode.CONFIRM,
        "several_candidates": len(fit) > 1,
        "candidate_has_identities": len(profile.identities) > 1,
        "unlinked_before": candidate.was_unlinked,
        "unverified_email": not (newcomer.email_verified and profile.email_verified),
    }
    ours, theirs = profile.identities[0], newcomer.identities[0]
    by_email = {
        "candidate_not_password": ours.provider != _DATABASE,
        "newcomer_is_password": theirs.provider == _DATABASE,
        "connection_not_trusted": not {ours.connection, theirs.connection} <= set(rules.trusted_connections),
    }
    by_connection = {"connected_unverified": candidate.evidence is Evidence.CONNECTED_UNVERIFIED}
    reasons = always | (by_email if candidate.evidence is Evidence.E_MAIL else by_connection)
    return next((reason for reason, holds in reasons.items() if holds), "")
