"""Invariants of what others changed at the provider: noticed, and never undone silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.django.conf import conf
from stateful_oauth.storage.models import AccountLink, FlowTransaction, Grant, Identity, TenantDifference
from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    from stateful_oauth.testing.world.base_state_machine import BaseStateMachine


def a_link_that_others_undid_is_made_only_by_its_user(world: BaseStateMachine) -> None:
    """A link that an administrator undid is made again after the user was asked, and never without."""
    if any(line.event == "confirm" for row in world.seen.rows.values() for line in row.taken):
        return  # a user was asked in this scenario
    for (primary, secondary), undone_at in world.memory.undone.items():
        if (primary, secondary) in world.memory.linked_elsewhere:
            continue
        made = world.site.tenant.ledger.entries("identity_linked", user_id=primary, secondary=secondary)
        if any(entry.at > undone_at.timestamp() for entry in made):
            raise Violation(
                "a link that others undid is made only by its user",
                f"{secondary} was linked to {primary} again, and no user was asked",
            )


def a_sign_in_notices_what_others_undid(world: BaseStateMachine) -> None:
    """Whose account has just signed in by itself is no secondary of an earlier link here."""
    for id_, _, row in world.seen.changed_since(world.before):
        if row is None or row.kind != "login" or row.state != "signed_in":
            continue
        result = FlowTransaction.objects.filter(pk=id_).values_list("result", flat=True).first() or {}
        stale = AccountLink.objects.filter(
            secondary_subject=result.get("sub", ""),
            unlinked_at__isnull=True,
            linked_at__lt=FlowTransaction.objects.get(pk=id_).created_at,
        )
        for link in stale:
            raise Violation(
                "a sign-in notices what others undid",
                f"{link.secondary_subject} signed in by itself, and is linked to {link.primary_subject} here",
            )


def a_denial_ends_no_grant(world: BaseStateMachine) -> None:
    """A grant outlives a denial by an Action, unless its refresh token rotates and may be spent."""
    if conf.tenant(world.alias).refresh_token_rotation:
        return
    for grant in Grant.objects.filter(code="sign_in_refused"):
        raise Violation("a denial ends no grant", f"{grant} ended")


def the_comparison_lists_what_is_left(world: BaseStateMachine) -> None:
    """After a whole comparison, the operator's list is exactly the users that are gone or blocked."""
    if not world.memory.compared:
        return
    there = world.site.tenant.people.users
    differing = {}
    for identity in Identity.objects.filter(issuer=conf.tenant(world.alias).issuer):
        user = there.get(identity.subject)
        if user is None or user.blocked:
            differing[identity.subject] = "user_gone" if user is None else "user_blocked"
    rows = TenantDifference.objects.filter(tenant=world.alias, key__startswith="users:")
    listed = dict(rows.values_list("subject", "what"))
    if listed != differing:
        raise Violation("the comparison lists what is left", f"listed: {listed}; differing: {differing}")
