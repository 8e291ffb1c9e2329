"""Users as the Management API shows them (`GET /api/v2/users/{id}`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.oauth.accounts import ProfileIdentity, UserProfile

if TYPE_CHECKING:
    from stateful_oauth.auth0.json_members import Members

_MAX_ID, _MAX_CONNECTION, _MAX_PROVIDER = 255, 128, 64  # characters, of their columns
# All that is read. What is not asked for cannot be leaked, nor break anything.
LISTED_FIELDS: Final = "user_id,email,email_verified,name,blocked,identities,created_at"
FIELDS: Final = f"{LISTED_FIELDS},user_metadata,app_metadata"


def user_profile(members: Members) -> UserProfile:
    """Read a user.

    Raises:
        ValueError: A member that decisions rest on is missing or has the wrong type; the message names it.
    """
    return UserProfile(
        user_id=members.text("user_id", longest=_MAX_ID),
        email=members.optional_text("email") or "",
        # Some identity providers send a text, which proves nothing.
        email_verified=members.get("email_verified") is True,
        name=members.informative_text("name"),
        blocked=members.flag("blocked"),
        identities=tuple(_identity(each) for each in members.objects("identities")),
        created_at=members.informative_moment("created_at"),
        user_metadata=members.free_form("user_metadata"),
        app_metadata=members.free_form("app_metadata"),
    )


def listed_profile(members: Members) -> UserProfile:
    """Read a user of a list, who is not to take the list from the others.

    One whose members cannot be relied on has no identities, with which no rule of linking links.

    Raises:
        ValueError: There is no user id.
    """
    try:
        return user_profile(members)
    except ValueError:
        email = members.informative_text("email")
        return UserProfile(user_id=members.text("user_id", longest=_MAX_ID), email=email)


def has_identity(identities: tuple[Members, ...], *, provider: str, user_id: str) -> bool:
    """Whether an identity is among those of an answer; byte-exact, the user id without its prefix."""
    return any((each.get("provider"), _user_id(each)) == (provider, user_id) for each in identities)


def _identity(members: Members) -> ProfileIdentity:
    user_id = _user_id(members)
    if not 0 < len(user_id) <= _MAX_ID:
        raise ValueError(f"user_id of an identity must be a text of 1 to {_MAX_ID} characters.")
    return ProfileIdentity(
        connection=members.text("connection", longest=_MAX_CONNECTION),
        provider=members.text("provider", longest=_MAX_PROVIDER),
        user_id=user_id,
        is_social=members.flag("isSocial"),
    )


def _user_id(members: Members) -> str:
    value = members.get("user_id")
    if isinstance(value, int) and not isinstance(value, bool):  # GitHub's, in profiles of old
        return str(value)
    return value if isinstance(value, str) and "\0" not in value else ""
