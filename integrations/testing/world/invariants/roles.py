"""Invariants of roles, against what the tenant's Action wrote into the tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model

from stateful_oauth.storage.models import Identity, RoleDecision
from stateful_oauth.testing.world.roles import rules_of_roles
from stateful_oauth.testing.world.sessions import session_of
from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    from stateful_oauth.django.users.role_rules import RoleRules
    from stateful_oauth.testing.world.base_state_machine import BaseStateMachine

_NAME = "privileges are those of the newest token"


def privileges_are_those_of_the_newest_token(world: BaseStateMachine) -> None:
    """A user has what the newest token of a sign-in says, and no token decides after a newer one has.

    No session comes from a token that is newer than the one that decided. Tokens of one second are as good
    as one another here: `iat` is in whole seconds.
    """
    rules = rules_of_roles(world)
    if rules is None or not world.wrote:
        return
    memory = world.memory
    decisions = dict(RoleDecision.objects.values_list("user_id", "issued_at"))
    subjects: dict[Any, set[str]] = {}
    for user, subject in [*Identity.objects.values_list("user_id", "subject"), *_users(world)]:
        subjects.setdefault(user, set()).add(subject)
    for user, moment in decisions.items():
        decided = int(moment.timestamp())
        if decided < memory.decided.get(user, decided):
            raise Violation(_NAME, f"an older token has decided about user {user}")
        memory.decided[user] = decided
    model: Any = get_user_model()
    for user in model._base_manager.all():  # noqa: SLF001 - public in Django
        # A project's own user model may have none of them.
        has = {name: getattr(user, name) for name in ("is_staff", "is_superuser") if hasattr(user, name)}
        allowed = [
            _given(rules, each.roles, has)
            for each in memory.issued
            if each.user_id in subjects.get(user.pk, set()) and each.at == memory.decided.get(user.pk)
        ]
        if user.pk in decisions and allowed and has not in allowed:
            raise Violation(_NAME, f"user {user.pk} has {has}, and the token that decided gives {allowed}")
    for number, user in world.users.items():
        claims = session_of(world.browsers[number]).get("stateful_oauth", {}).get("claims", {})
        if claims.get("iat", 0) > memory.decided.get(user.pk, 0):
            raise Violation(_NAME, f"user {user.pk} is signed in by a token that has decided nothing")


def _users(world: BaseStateMachine) -> list[tuple[Any, str]]:
    """Return the accounts that users were signed in as: a link leaves the secondary's user no identity."""
    return [(user, subject) for subject, user in world.memory.users.items()]


def _given(rules: RoleRules, roles: tuple[str, ...], has: dict[str, Any]) -> dict[str, Any]:
    """Return what roles give; what they do not decide is as it is."""
    wanted = rules.privileges(frozenset(roles), "")
    given = {"is_staff": wanted.staff, "is_superuser": wanted.superuser}
    return {name: now if given[name] is None else given[name] for name, now in has.items()}
