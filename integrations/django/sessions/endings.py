"""What ends the sessions of a user, and how a sign-in tells that it is from before."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import router, transaction

from stateful_oauth.django import wiring
from stateful_oauth.django.async_twins import async_twin
from stateful_oauth.django.keyed_digests import keyed_digest
from stateful_oauth.django.sessions.registry import end_registered
from stateful_oauth.storage.grants import end_grants_of_user
from stateful_oauth.storage.identities import find_identity, generations_of, note_ending
from stateful_oauth.storage.models import Session
from stateful_oauth.storage.sessions import session_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stateful_oauth.flows.oauth.openid import VerifiedIdentity
    from stateful_oauth.storage.models import Identity

_SALT: Final = "stateful_oauth.standing"
_FOUND: Final = "_stateful_oauth_identity"  # where a user carries the identity by which it was found


def end_sessions(user: Any) -> None:
    """End the sessions of a user, and withdraw whatever could make a new one from before.

    Callbacks that are delivered again, progress pages, sign-ins that wait for a decision: none of them signs
    this user in any more. The user has to sign in at the provider. Call it, too, where your project ends
    sessions in a way of its own, for example by deleting their rows.

    Sessions that began with Auth0 are deleted, with their grants. Without a usable password, the password
    becomes another unusable one, which is how Django ends sessions. A usable password stays, because its
    owner could not sign in with it otherwise; then sessions that began with that password go on until your
    project ends them. Setting a new password ends those as well.

    Call it inside the database transaction in which you decide it.
    """
    note_ending(user.pk, at=wiring.clock.now())
    if not replace_unusable_password(user):
        end_registered(session_rows().filter(user_id=user.pk))


aend_sessions = async_twin(end_sessions)


def sign_out_everywhere(user: Any) -> int:
    """End all sessions and all grants of a user: what `end_sessions` does, and more.

    A sweep revokes the refresh tokens at the provider. The provider's own session of each browser goes on, so
    that a browser may sign in again without a question; block the user there to keep them out.

    Returns:
        How many sessions that began with Auth0 were ended.

    Raises:
        DatabaseError: Nothing was ended.
    """
    with transaction.atomic(using=router.db_for_write(Session)):
        note_ending(user.pk, at=wiring.clock.now())
        ended = end_registered(session_rows().filter(user_id=user.pk))
        replace_unusable_password(user)
        end_grants_of_user(user.pk, now=wiring.clock.now())
    return len(ended)


asign_out_everywhere = async_twin(sign_out_everywhere)


def replace_unusable_password(user: Any) -> bool:
    """End the sessions of a user without a password: Django ends those of before another one.

    Returns:
        Whether it did; not for a user with a password of its own.
    """
    if user.has_usable_password():
        return False
    user.set_unusable_password()
    user.save(update_fields=["password"])
    end_registered(session_rows().filter(user_id=user.pk))
    return True


@dataclass(frozen=True, slots=True)
class Found:
    """How a user was found at a sign-in.

    Attributes:
        identity: By which row, or None.
        created: Whether the user was made at this sign-in.
        note: What the log is to say of it.
    """

    identity: Identity | None = None
    created: bool = False
    note: str = ""


def found_by(user: Any, identity: Identity, *, created: bool = False, note: str = "") -> None:
    """Note on a user how it was found, so that it is not looked for again."""
    setattr(user, _FOUND, Found(identity, created, note))


def found_of(user: Any) -> Found:
    """Return how a user was found; of one that another backend found, nothing is known."""
    found: Found = getattr(user, _FOUND, None) or Found()
    return found


def standing_of_user(user: Any, identity: VerifiedIdentity) -> str:
    """Return how a sign-in as this user stands with the user's sessions: see `Caller.standing_of`."""
    row = found_of(user).identity or find_identity(identity)
    return _digest(user, *((None, 0) if row is None else (row.pk, row.session_generation)))


def standing_of(identity: VerifiedIdentity) -> str:
    """Return the same for an identity, or an empty string where it is not known here."""
    row = find_identity(identity)
    return "" if row is None else _digest(row.user, row.pk, row.session_generation)


def has_standing(standing: str, row: Identity) -> bool:
    """Whether a sign-in of an identity that was kept still stands as it did."""
    return _is_one_of(standing, _digests(row.user, row.pk, row.session_generation))


def may_come_back(standing: str, user: Any) -> bool:
    """Whether no session of the user was ended since an outcome with this standing was settled."""
    known = [(None, 0), *generations_of(user.pk)]
    return any(_is_one_of(standing, _digests(user, *each)) for each in known)


def _is_one_of(standing: str, digests: Iterator[str]) -> bool:
    return any(hmac.compare_digest(standing.encode(), each.encode()) for each in digests)


def _digest(user: Any, key: int | None, generation: int) -> str:
    return next(_digests(user, key, generation))


def _digests(user: Any, key: int | None, generation: int) -> Iterator[str]:
    """Yield the digest under the secret key of today, and under each of those that Django still takes."""
    yield _keyed(f"{key}:{generation}:{_auth_hash(user)}", settings.SECRET_KEY)
    fallbacks: Iterable[str] = getattr(user, "get_session_auth_fallback_hash", list)()
    for secret, auth_hash in zip(settings.SECRET_KEY_FALLBACKS, fallbacks, strict=False):
        yield _keyed(f"{key}:{generation}:{auth_hash}", secret)


def _auth_hash(user: Any) -> str:
    """Return what Django compares sessions by; a user model may do without."""
    return str(user.get_session_auth_hash()) if hasattr(user, "get_session_auth_hash") else ""


def _keyed(value: str, secret: str | bytes) -> str:
    return keyed_digest(_SALT, value, secret).hex()
