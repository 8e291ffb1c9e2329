"""Invariants of links and metadata that hold after every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.django.conf import conf
from stateful_oauth.storage.models import AccountLink
from stateful_oauth.testing.world.tenant_accounts import app_metadata, user_metadata
from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    from stateful_oauth.testing.world.base_state_machine import BaseStateMachine


def metadata_is_merged_and_nothing_else(world: BaseStateMachine) -> None:
    """A user has its own metadata, unchanged, and besides only what accounts had that were linked to it."""
    tenant = world.site.tenant
    named = set(conf.tenant(world.alias).linking_app_metadata_keys)
    for user in list(tenant.people.users.values()):
        sources = absorbed(world, user.user_id)
        for kind, own, has in (
            ("user_metadata", user_metadata(user.user_id), user.user_metadata or {}),
            ("app_metadata", app_metadata(user.user_id), user.app_metadata or {}),
        ):
            make = user_metadata if kind == "user_metadata" else app_metadata
            others = [make(each) for each in sources]
            if kind == "app_metadata":
                others = [{key: value for key, value in each.items() if key in named} for each in others]
            for key, value in has.items():
                if key in own and value != own[key] and own.keys() <= has.keys():
                    raise Violation(
                        "metadata is merged exactly once",
                        f"{kind} of {user.user_id} lost its own {key!r}: {value!r}",
                    )
                if value not in [each[key] for each in (own, *others) if key in each]:
                    raise Violation(
                        "metadata is merged exactly once",
                        f"{kind} of {user.user_id} has {key!r}: {value!r}, which no account of theirs had",
                    )


def absorbed(world: BaseStateMachine, user_id: str) -> list[str]:
    """Return the accounts that were ever linked to a user, and those that were linked to them."""
    found: list[str] = []
    wanted = [user_id]
    while wanted:
        for entry in world.site.tenant.ledger.entries("identity_linked", user_id=wanted.pop()):
            secondary = entry.fields["secondary"]
            if secondary not in found:
                found.append(secondary)
                wanted.append(secondary)
    return found


def a_link_is_here_and_there(world: BaseStateMachine) -> None:
    """No link is kept that Auth0 does not have, unless it is being unlinked."""
    identities: dict[str, set[str]] = {
        user.user_id: {f"{each.provider}|{each.user_id}" for each in user.identities[1:]}
        for user in world.site.tenant.people.users.values()
    }
    for link in kept_links():
        if link["secondary_subject"] in identities.get(link["primary_subject"], set()):
            continue
        if link["primary_subject"] not in identities or _is_being_unlinked(world, link):
            continue
        if (link["primary_subject"], link["secondary_subject"]) in world.memory.undone:
            continue  # by others: a sign-in or the comparison notices it
        raise Violation("a link exists at Auth0 and here together", f"only here: {link}")


def a_link_is_decided_at_every_try(world: BaseStateMachine) -> None:
    """No link is asked for that must not be made at that moment, whatever held when it was decided first."""
    against = world.site.gateway.links_against
    if against:
        raise Violation("a link is decided at every try", f"it was asked for although {'; '.join(against)}")


def kept_links() -> list[dict[str, Any]]:
    """Return the links that the site believes in."""
    columns = ("primary_subject", "secondary_subject", "transaction_id")
    return list(AccountLink.objects.filter(unlinked_at__isnull=True).values(*columns))


def _is_being_unlinked(world: BaseStateMachine, link: dict[str, Any]) -> bool:
    """Whether it was undone at Auth0, and the unlinking is open still, or was given up."""
    is_open = any(row.kind == "unlink_account" for row in world.seen.open())
    pair = {"user_id": link["primary_subject"], "secondary": link["secondary_subject"]}
    undone = world.site.tenant.ledger.count("identity_unlinked", **pair)
    return bool(undone) and (is_open or "unlink_account" in world.memory.given_up)
