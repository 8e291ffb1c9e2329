"""What an administrator does to users: the Management API and tests share it (docs/auth0-contract.md §8)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator import linking
from stateful_oauth.emulator.management_errors import management_error, no_such_user
from stateful_oauth.emulator.people import PROFILE_FIELDS
from stateful_oauth.emulator.search_query import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.people import User
    from stateful_oauth.emulator.state import TenantState

METADATA = ("user_metadata", "app_metadata")


class Users:
    """The users of a tenant. What cannot be raises ``Refusal``, with the message of the API."""

    def __init__(self, tenant: TenantState) -> None:
        self._tenant = tenant

    def get(self, user_id: str) -> User:
        """Return a user; a linked secondary is none."""
        user = self._tenant.people.users.get(user_id)
        if user is None:
            raise no_such_user()
        return user

    def by_email(self, email: str) -> list[User]:
        """Return the users with exactly that profile email, as they are now."""
        return [user for user in self._tenant.people.users.values() if user.email == email]

    def search(self, query: str = "*") -> list[dict[str, Any]]:
        """Return the documents that the lagging index finds; raises ``BadQuery``."""
        matches = parse(query)
        with self._tenant.lock:
            return [document for document in self._tenant.index.found() if matches(document)]

    def patch(self, user_id: str, changes: Mapping[str, Any]) -> User:
        """Change fields; metadata is merged at its first level, None removes a key, ``{}`` empties all."""
        with self._tenant.lock:
            user = self.get(user_id)
            self._check_size(user, changes)
            for name, value in changes.items():
                if name in METADATA:
                    setattr(user, name, _merged(getattr(user, name), value))
                    keys = ",".join(sorted(value))
                    self._tenant.ledger.record("metadata_patched", user_id=user_id, kind=name, keys=keys)
                else:
                    self._set(user, name, value)
            fields = sorted(set(changes) - set(METADATA))
            if fields:
                self._tenant.ledger.record("user_patched", user_id=user_id, fields=",".join(fields))
            user.updated_at = self._tenant.clock.now()
            self._tenant.index.note(user_id)
            return user

    def _check_size(self, user: User, changes: Mapping[str, Any]) -> None:
        """Refuse metadata beyond the limit of a profile; what is answered then is not documented."""
        if not changes.keys() & set(METADATA):
            return
        after = {
            name: _merged(getattr(user, name), changes[name]) if name in changes else getattr(user, name)
            for name in METADATA
        }
        if len(json.dumps(after).encode()) > self._tenant.settings.profile_limit:
            raise management_error(400, "The user profile exceeds the size limit.", "invalid_body")

    def _set(self, user: User, name: str, value: Any) -> None:
        main = user.identities[0]
        account = self._tenant.people.account_at(main.connection, main.user_id)
        own = account is not None and account.connection.database
        if name == "email" and own:
            value = value.lower()
        if name == "blocked":
            self._tenant.block_user(user.user_id, value)
        elif name != "password":
            setattr(user, name, value)
        if account is not None and own:
            # A database keeps the credentials: the person signs in with the new ones.
            if name == "password":
                account.password = value
            elif name in PROFILE_FIELDS:
                account.profile[name] = value

    def link(self, primary_id: str, provider: str, identifier: str, connection_id: str | None = None) -> User:
        """Link the identity, with or without its prefix, to the primary; return the primary."""
        with self._tenant.lock:
            primary = self.get(primary_id)
            linking.link(self._tenant, primary, provider, identifier, connection_id)
            return primary

    def unlink(self, primary_id: str, provider: str, identifier: str) -> User | None:
        """Take an identity out of the primary; return the fresh user that it becomes, or None: not there."""
        with self._tenant.lock:
            return linking.unlink(self._tenant, self.get(primary_id), provider, identifier)

    def delete(self, user_id: str) -> None:
        """Delete a user with all its identities, if it is there."""
        self._tenant.delete_user(user_id)


def _merged(before: Mapping[str, Any] | None, changes: Mapping[str, Any]) -> dict[str, Any]:
    if not changes:
        return {}
    merged = {**(before or {}), **changes}
    return {name: value for name, value in merged.items() if value is not None}
