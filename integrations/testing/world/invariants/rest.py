"""What has to hold when faults have ended and recovery has run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.django.conf import conf
from stateful_oauth.storage.models import ConnectedAccount
from stateful_oauth.testing.world.invariants.accounts import kept_links
from stateful_oauth.testing.world.tenant_accounts import app_metadata, user_metadata
from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    from stateful_oauth.testing.world.base_state_machine import BaseStateMachine


def nothing_is_left_working(world: BaseStateMachine) -> None:
    """Every transaction is over."""
    for row in world.seen.open():
        raise Violation("nothing is left working", f"after faults ended and recovery ran:\n{row.show()}")


def links_agree(world: BaseStateMachine) -> None:
    """What Auth0 has linked is kept here, and the other way round, but for what an operator gave up."""
    name = "a link exists at Auth0 and here together"
    given_up = world.memory.given_up
    here = {(link["primary_subject"], link["secondary_subject"]) for link in kept_links()}
    there = {
        (user.user_id, f"{each.provider}|{each.user_id}")
        for user in world.site.tenant.people.users.values()
        for each in user.identities[1:]
    }
    here = {link for link in here if link[0] in world.site.tenant.people.users}
    only_here = set() if "unlink_account" in given_up else here - there
    if not world.memory.compared:
        only_here -= world.memory.undone.keys()
    only_there = set() if "account_linking" in given_up else there - here - world.memory.linked_elsewhere
    if only_here or only_there:
        raise Violation(name, f"only here: {sorted(only_here)}; only at Auth0: {sorted(only_there)}")


def metadata_is_merged_completely(world: BaseStateMachine) -> None:
    """An account that was linked without a failure has brought its metadata along."""
    for row in world.seen.rows.values():
        if row.kind != "account_linking" or row.state != "linked":
            continue
        if not any(line.event == "metadata_merged" for line in row.taken):
            continue
        link = next((each for each in kept_links() if each["transaction_id"] == row.id), None)
        if link is None:
            continue
        primary = world.site.tenant.people.users.get(link["primary_subject"])
        if primary is None:
            continue
        named = {*conf.tenant(world.alias).linking_app_metadata_keys}
        wanted = {
            *user_metadata(link["secondary_subject"]),
            *(named & {*app_metadata(link["secondary_subject"])}),
        }
        missing = wanted - {*(primary.user_metadata or {}), *(primary.app_metadata or {})}
        if missing:
            raise Violation(
                "metadata is merged exactly once",
                f"{primary.user_id} lacks {sorted(missing)} of {link['secondary_subject']}:\n{row.show()}",
            )


def connected_accounts_agree(world: BaseStateMachine) -> None:
    """What is connected at Auth0 is kept here, and the other way round, but for what was given up.

    If the owner of an account could not be identified, the account may be one that was connected before. Its
    former id then stays here until the list is read again. So do the accounts of a user that an administrator
    deleted at Auth0, and who came back.
    """
    given_up, people = world.memory.given_up, world.site.tenant.people.users.keys() - world.memory.deleted
    if "connect_account" in given_up:
        return
    there = {row.id for row in world.site.tenant.vault}
    rows = ConnectedAccount.objects.values_list("remote_id", "owner__subject", "owner__user_id")
    kept = {id_: (owner, user) for id_, owner, user in rows}
    only_there = sorted(there - kept.keys())
    only_here = sorted(
        id_
        for id_, (owner, user) in kept.items()
        if id_ not in there and owner in people and user not in world.memory.unidentified
    )
    if only_there or (only_here and "disconnect_account" not in given_up):
        raise Violation(
            "connected accounts exist at Auth0 and here together",
            f"only here: {only_here}; only at Auth0: {only_there}",
        )
