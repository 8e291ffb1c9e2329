"""What decides a user's privileges: the newest token, and the groups that roles may give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Q

from stateful_oauth.storage.role_models import RoleDecision, RoleGroup

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime


def decides(user_id: Any, *, issued_at: datetime, asked_at: datetime, using: str) -> bool:
    """Whether no newer token has decided a user's privileges; the row is locked until the commit.

    One statement, which waits for another worker's and then compares with what that one wrote: of two
    sign-ins at once the later token wins, even if it is settled first.

    Args:
        issued_at: `iat` of the token.
        asked_at: When the provider was asked for it, which tells two tokens of one second apart.
    """
    rows = RoleDecision.objects.using(using).filter(pk=user_id)
    known = rows.filter(Q(issued_at__lt=issued_at) | Q(issued_at=issued_at, asked_at__lte=asked_at))
    if known.update(issued_at=issued_at, asked_at=asked_at):
        return True
    try:
        with transaction.atomic(using=using):
            RoleDecision.objects.using(using).create(pk=user_id, issued_at=issued_at, asked_at=asked_at)
    except IntegrityError:  # there is one: a newer one, or another worker's of this moment
        return bool(known.update(issued_at=issued_at, asked_at=asked_at))
    return True


def groups_of_roles(using: str) -> dict[str, Any]:
    """Return the groups that were made for roles: primary key by name."""
    made = RoleGroup.objects.using(using)
    return dict(made.values_list("group__name", "group_id"))


def existing_groups(names: Collection[str], using: str) -> dict[str, Any]:
    """Return the groups of these names: primary key by name."""
    return dict(Group.objects.using(using).filter(name__in=names).values_list("name", "pk"))


def make_groups(
    names: Iterable[str], *, mirrored: Collection[str], now: datetime, using: str
) -> dict[str, Any]:
    """Make groups without permissions, and return those that were made: primary key by name.

    A group that another worker, or an operator, makes at the same moment is left out.

    Args:
        mirrored: Those that a role of the same name may give from now on.
    """
    made: dict[str, Any] = {}
    for name in names:
        try:
            with transaction.atomic(using=using):
                group = Group.objects.using(using).create(name=name)
                if name in mirrored:
                    RoleGroup.objects.using(using).create(group=group, made_at=now)
        except IntegrityError:
            continue
        made[name] = group.pk
    return made
