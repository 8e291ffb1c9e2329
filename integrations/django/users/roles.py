"""Roles at a sign-in: privileges are given and taken away as the newest verified ID token says.

Inside the settle transaction: a worker that dies before the commit has changed nothing, and recovery does it
again from the same token.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import router

from stateful_oauth.django import wiring
from stateful_oauth.django.conf import conf
from stateful_oauth.django.users.role_rules import RoleRules, RolesRejected, is_name_of_group
from stateful_oauth.storage.roles import decides, existing_groups, groups_of_roles, make_groups

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.django.users.role_rules import Privileges
    from stateful_oauth.flows.oauth.openid import VerifiedIdentity

logger = logging.getLogger("stateful_oauth.roles")

NOTE: Final = "roles: "  # what a line of a transaction's log begins with, where it tells of roles
_FLAGS: Final = {"staff": "is_staff", "superuser": "is_superuser"}


def rules_of(identity: VerifiedIdentity) -> RoleRules | None:
    """Return the rules for an identity, or None where roles give and take nothing.

    Only a tenant of the settings whose own ID token it is has any. The claims that are left after a link
    without a question are no ID token of the account that stays.
    """
    if identity.tenant not in conf.tenant_aliases or identity.came_with:
        return None
    tenant = conf.tenant(identity.tenant)
    if identity.issuer != tenant.issuer:
        return None
    return RoleRules.of(tenant.roles)


def apply_roles(user: Any, identity: VerifiedIdentity, rules: RoleRules) -> str:
    """Give and take away what the token's roles say, and return what the log is to say of it.

    Returns:
        One line that begins with `NOTE`, or an empty string where nothing changed and nothing was wrong.
    """
    try:
        roles = rules.roles_of(identity.claims)
    except RolesRejected as error:
        logger.warning("user %s: roles stay as they are, because %s", user.pk, error)
        return f"{NOTE}unchanged, because {error}"
    if roles is None:
        return ""
    issued_at = identity.claims.get("iat")
    if not isinstance(issued_at, int | float) or isinstance(issued_at, bool):
        return f"{NOTE}unchanged, because the token does not say when it was issued"
    using = router.db_for_write(get_user_model())
    moment = datetime.fromtimestamp(int(issued_at), tz=UTC)
    if not decides(user.pk, issued_at=moment, asked_at=identity.obtained_at or moment, using=using):
        logger.warning("user %s: roles stay as a newer token has decided", user.pk)
        return f"{NOTE}unchanged, because a newer token has decided"
    wanted = rules.privileges(roles, identity.organization)
    changes, ignored = _flags(user, wanted, using), list[str]()
    if rules.gives_groups and hasattr(user, "groups"):
        changed, ignored = _groups(user, rules, wanted, using)
        changes += changed
    if ignored:
        logger.warning("user %s: roles give no group %s", user.pk, ", ".join(ignored))
    if changes:
        _forget_permissions(user)
        _tell_the_admin(user, changes)
        logger.info("user %s: roles changed: %s", user.pk, ", ".join(changes))
    told = [*changes, *(f"no group {name}" for name in ignored)]
    return NOTE + ", ".join(told) if told else ""


def _flags(user: Any, wanted: Privileges, using: str) -> list[str]:
    """Set `is_staff` and `is_superuser`, compared with what is stored now, not with what was read before."""
    columns = {field.name for field in user._meta.concrete_fields}  # noqa: SLF001 - public in Django
    decided = {
        column: value
        for name, column in _FLAGS.items()
        if (value := getattr(wanted, name)) is not None and column in columns
    }
    if not decided:
        return []
    rows = type(user)._base_manager.using(using).filter(pk=user.pk)  # noqa: SLF001 - public in Django
    stored = rows.values(*decided).first()
    if stored is None:
        return []  # deleted meanwhile
    for column in decided:
        setattr(user, column, stored[column])
    changed = {column: value for column, value in decided.items() if stored[column] is not value}
    for column, value in changed.items():
        setattr(user, column, value)
    if changed:
        user.save(update_fields=[*changed])
    return [f"{'+' if value else '-'}{column.removeprefix('is_')}" for column, value in changed.items()]


def _groups(user: Any, rules: RoleRules, wanted: Privileges, using: str) -> tuple[list[str], list[str]]:
    """Add and remove groups; return what changed, and the names that no group may be given for."""
    has: Mapping[str, Any] = dict(user.groups.using(using).values_list("name", "pk"))
    ours = groups_of_roles(using) if rules.mirrors else {}
    governed = rules.named_groups | ours.keys()
    # A role alone names no group that a rule means for another role, nor one that an operator made.
    may_give = (wanted.groups - wanted.mirrored) | (wanted.mirrored & (rules.mirror_existing | ours.keys()))
    missing = wanted.groups - has.keys()
    found = existing_groups(missing, using) if missing else {}
    made: Mapping[str, Any] = {}
    if rules.makes_groups and (unknown := sorted(filter(is_name_of_group, missing - found.keys()))):
        made = make_groups(unknown, mirrored=wanted.mirrored, now=wiring.clock.now(), using=using)
    added = {name: key for name, key in found.items() if name in may_give} | dict(made)
    removed = {name: key for name, key in has.items() if name in governed and name not in wanted.groups}
    if added:
        user.groups.add(*added.values())
    if removed:
        user.groups.remove(*removed.values())
    changes = [f"+group {name}" for name in sorted(added)] + [f"-group {name}" for name in sorted(removed)]
    return changes, sorted(missing - added.keys())


def _forget_permissions(user: Any) -> None:
    """Drop the permissions that Django has read for this user object."""
    for name in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
        vars(user).pop(name, None)


def _tell_the_admin(user: Any, changes: list[str]) -> None:
    """Write the history that the admin shows of a user."""
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.models import CHANGE, LogEntry  # noqa: PLC0415 - only where it is installed
    from django.contrib.contenttypes.models import ContentType  # noqa: PLC0415 - as above

    LogEntry.objects.create(
        user_id=user.pk,
        content_type_id=ContentType.objects.get_for_model(type(user), for_concrete_model=False).pk,
        object_id=str(user.pk),
        object_repr=str(user)[:200],
        action_flag=CHANGE,
        change_message=f"Roles at sign-in: {', '.join(changes)}",
    )
