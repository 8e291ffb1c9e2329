"""Users as the Management API shows them (docs/auth0-contract.md §8.1)."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.clock import iso
from stateful_oauth.emulator.people import PROFILE_FIELDS

if TYPE_CHECKING:
    from stateful_oauth.emulator.people import Identity, User


def profile_of(user: User) -> dict[str, Any]:
    """Return the profile of a user, without what is not known."""
    found = {name: getattr(user, name) for name in PROFILE_FIELDS if getattr(user, name) is not None}
    if "email" not in found:
        del found["email_verified"]
    return found


def identity_document(identity: Identity, *, numeric_id: bool = False) -> dict[str, Any]:
    """Return one of ``identities``; ``profileData`` is there once accounts were linked.

    With ``numeric_id`` a ``user_id`` of digits is a number, as Auth0 shows some.
    """
    shown: dict[str, Any] = {"profileData": dict(identity.profile)} if identity.profile else {}
    return {
        **shown,
        "connection": identity.connection,
        "user_id": int(identity.user_id) if numeric_id and identity.user_id.isdecimal() else identity.user_id,
        "provider": identity.provider,
        "isSocial": identity.is_social,
    }


def user_document(user: User, *, numeric_ids: bool = False) -> dict[str, Any]:
    """Return the whole user; metadata that was never set is absent."""
    shown: dict[str, Any] = {
        "blocked": user.blocked,
        "created_at": iso(user.created_at),
        **profile_of(user),
        "nickname": user.nickname or (user.email or user.user_id).partition("@")[0],
        "identities": [identity_document(each, numeric_id=numeric_ids) for each in user.identities],
        "updated_at": iso(user.updated_at),
        "user_id": user.user_id,
        "name": user.name or user.email or user.user_id,
    }
    if user.user_metadata is not None:
        shown["user_metadata"] = deepcopy(user.user_metadata)
    if user.app_metadata is not None:
        shown["app_metadata"] = deepcopy(user.app_metadata)
    if user.last_login is not None:
        shown |= {"last_login": iso(user.last_login), "logins_count": user.logins_count}
    return shown
