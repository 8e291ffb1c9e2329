"""What a primary account gets of a secondary's metadata (Auth0 discards it when accounts are linked)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stateful_oauth.flows.oauth.accounts import UserProfile


def user_metadata_to_add(primary: UserProfile, secondary: UserProfile) -> dict[str, Any]:
    """Return the members that only the secondary has: the primary's own are never replaced.

    Computed from snapshots of before the link. First level only, because that is what Auth0 merges.
    Right before it is written, `still_missing` takes out what the primary has got meanwhile.
    """
    return _missing(primary.user_metadata, secondary.user_metadata)


def app_metadata_to_add(
    primary: UserProfile, secondary: UserProfile, keys: Collection[str]
) -> dict[str, Any]:
    """Return the same of `app_metadata`, for the keys that the project named.

    Others may hold roles (docs/security-checklist.md L9).
    """
    wanted = {key: value for key, value in secondary.app_metadata.items() if key in keys}
    return _missing(primary.app_metadata, wanted)


def still_missing(
    primary: UserProfile, snapshot: Mapping[str, Mapping[str, Any]], app_metadata_keys: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Return what is to be written of a snapshot: what the primary does not have at this moment.

    First-level members only, each as a whole: a PATCH replaces a member with everything that is nested in it.

    Args:
        primary: As it was read right before writing.
        snapshot: `user_metadata` and `app_metadata` as `…_to_add` returned them before the link.
        app_metadata_keys: The keys that the project names now.
    """
    wanted = {
        key: value for key, value in snapshot.get("app_metadata", {}).items() if key in app_metadata_keys
    }
    return {
        "user_metadata": _missing(primary.user_metadata, snapshot.get("user_metadata", {})),
        "app_metadata": _missing(primary.app_metadata, wanted),
    }


def _missing(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    # None would remove a key at Auth0.
    return {key: value for key, value in theirs.items() if key not in ours and value is not None}
