"""Gives users who are there already their identities, and says where that is not certain."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.django import wiring
from stateful_oauth.storage.adopting import add_identities, existing_users, linked_subjects, owners_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stateful_oauth.django.users.sources import Claimed

_BATCH: Final = 1000
_LONGEST: Final = 255  # characters of a `sub`


@dataclass(slots=True)
class AdoptionReport:
    """What became of what a source said.

    Attributes:
        adopted: How many identities were made, or would be.
        known: How many were there already.
        ambiguous: `(sub, reason)` of what was left alone.
    """

    adopted: int = 0
    known: int = 0
    ambiguous: list[tuple[str, str]] = field(default_factory=list)


def adopt(claimed: Iterable[Claimed], *, issuer: str, dry_run: bool = False) -> AdoptionReport:
    """Make an identity for each user whose `sub` is certain. Safe to repeat.

    What is not certain is left alone and reported: a `sub` that two users have, or that another user has
    already, or that was linked to another account.

    Args:
        issuer: Whose `sub` it is.
        dry_run: Only report.
    """
    report, users = AdoptionReport(), defaultdict[str, list[Any]](list)
    for each in claimed:
        if each.doubt:
            report.ambiguous.append((each.subject, each.doubt))
        elif not 0 < len(each.subject) <= _LONGEST or not each.subject.isprintable():
            report.ambiguous.append((each.subject, "it cannot be a `sub`"))
        elif each.user not in users[each.subject]:
            users[each.subject].append(each.user)
    for batch in _batches([*users.items()]):
        _adopt_batch(dict(batch), issuer, report, dry_run=dry_run)
    return report


def _adopt_batch(users: dict[str, list[Any]], issuer: str, report: AdoptionReport, *, dry_run: bool) -> None:
    owners, linked = owners_of(issuer, users), linked_subjects(issuer, users)
    there = existing_users({each for several in users.values() for each in several})
    certain: dict[str, Any] = {}
    for subject, several in users.items():
        user, owner = several[0], owners.get(subject)
        if len(several) > 1:
            report.ambiguous.append((subject, f"users {', '.join(map(str, several))} have it"))
        elif owner == user and owner is not None:
            report.known += 1
        elif owner is not None:
            report.ambiguous.append((subject, f"it is user {owner}'s already, and not user {user}'s"))
        elif subject in linked:
            report.ambiguous.append((subject, "it was linked to another account"))
        elif user not in there:
            report.ambiguous.append((subject, f"there is no user {user}"))
        else:
            certain[subject] = user
    if not dry_run and certain:
        add_identities(issuer, certain, now=wiring.clock.now())
        # A sign-in of the same moment may have made a user for one of them.
        for subject, owner in owners_of(issuer, certain).items():
            if owner != certain[subject]:
                report.ambiguous.append((subject, f"it has become user {owner}'s meanwhile"))
                del certain[subject]
    report.adopted += len(certain)


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
