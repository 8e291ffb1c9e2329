"""Linking and unlinking users (docs/auth0-contract.md §8.5, §8.6, §8.8)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stateful_oauth.emulator.management_errors import management_error
from stateful_oauth.emulator.people import Account, Connection, Identity, User, user_of
from stateful_oauth.emulator.user_documents import profile_of

if TYPE_CHECKING:
    from stateful_oauth.emulator.errors import Refusal
    from stateful_oauth.emulator.state import TenantState


def _bad(message: str) -> Refusal:
    return management_error(400, message, "invalid_body")


def link(
    tenant: TenantState, primary: User, provider: str, identifier: str, connection_id: str | None = None
) -> None:
    """Make an identity that stands alone another identity of the primary; its user is gone after that."""
    identifier = identifier.removeprefix(f"{provider}|")
    connection = _connection(tenant, provider, connection_id)
    holder, identity = _held(tenant, provider, identifier, connection)
    if holder is primary:
        if identity is primary.identities[0]:
            raise _bad("Main identity and the new one are the same.")
        raise _exists(tenant)
    if holder is None or identity is None:
        allowed = "requires a connection" if connection_id is None else "is not allowed"
        raise _bad(f"Linking to an inexistent identity {allowed}.")
    if identity is not holder.identities[0]:
        raise _exists(tenant)
    if len(holder.identities) > 1 and not tenant.settings.links_several_identities:
        raise _bad("Unable to link with the secondary account.")
    _absorb(tenant, primary, holder)


def _exists(tenant: TenantState) -> Refusal:
    if tenant.settings.link_answer == "bad_request":
        return _bad("Unable to link with the secondary account.")
    return management_error(409, "Specified identity already exists.", "identity_exists")


def _connection(tenant: TenantState, provider: str, connection_id: str | None) -> Connection | None:
    connections = tenant.people.connections.values()
    if connection_id is None:
        if all(connection.strategy != provider for connection in connections):
            raise _bad("The specified provider is not configured.")
        return None
    for connection in connections:
        if connection.id == connection_id and connection.strategy == provider:
            return connection
    raise _bad("The specified connection is not configured.")


def _held(
    tenant: TenantState, provider: str, identifier: str, connection: Connection | None
) -> tuple[User, Identity] | tuple[None, None]:
    for user in tenant.people.users.values():
        for identity in user.identities:
            at = connection is None or identity.connection == connection.name
            if identity.provider == provider and identity.user_id == identifier and at:
                return user, identity
    return None, None


def _absorb(tenant: TenantState, primary: User, secondary: User) -> None:
    added = replace(secondary.identities[0], profile=profile_of(secondary))
    others = secondary.identities[1:]
    tenant.forget_user(secondary.user_id)
    if not primary.identities[0].profile:
        primary.identities[0] = replace(primary.identities[0], profile=profile_of(primary))
    primary.identities += [added, *others]
    primary.updated_at = tenant.clock.now()
    tenant.ledger.record(
        "identity_linked",
        user_id=primary.user_id,
        secondary=secondary.user_id,
        provider=added.provider,
        connection=added.connection,
    )
    tenant.index.note(primary.user_id)
    tenant.index.note(secondary.user_id)


def unlink(tenant: TenantState, primary: User, provider: str, identifier: str) -> User | None:
    """Take an identity out; it becomes a fresh user of its own, without metadata.

    What is not there changes nothing: None.
    """
    for at, identity in enumerate(primary.identities):
        if identity.provider == provider and identity.user_id == identifier:
            if at == 0:
                raise _bad("Main identity cannot be removed.")
            return _release(tenant, primary, at)
    return None


def _release(tenant: TenantState, primary: User, at: int) -> User:
    now, identity = tenant.clock.now(), primary.identities.pop(at)
    primary.updated_at = now
    where = tenant.people.connection(identity.connection)
    user = user_of(Account(where, identity.user_id, dict(identity.profile)), now)
    tenant.people.users[user.user_id] = user
    tenant.ledger.record(
        "identity_unlinked",
        user_id=primary.user_id,
        secondary=user.user_id,
        provider=identity.provider,
        connection=identity.connection,
    )
    tenant.index.note(primary.user_id)
    tenant.index.note(user.user_id)
    return user
