"""The ID token that a session keeps for its sign-out, encrypted: sessions are stored in clear."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.storage import encryption

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTEXT: Final = "session id_token_hint"


def seal_id_token(id_token: Secret) -> str:
    """Return the ID token encrypted."""
    return encryption.seal(id_token, context=_CONTEXT)


def id_token_of(details: Mapping[str, str]) -> Secret | None:
    """Return the ID token of a session, or None: there is none, or no key of today opens it."""
    sealed = details.get("id_token_hint")
    if not sealed:
        return None
    try:
        return Secret(encryption.unseal(sealed, context=_CONTEXT).decode())
    except encryption.UndecryptableError:
        return None
