"""What an access token grants: what the answer says of it and what it says of itself, taken together.

Some providers refuse no audience or scope that their policies lack: they leave it out without a word, and
sometimes the answer has no `scope`. What a JWT says of itself is read without checking it, as a hint that can
only narrow. The engine, the tokens of the application and the doctor judge by these functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.engine.errors import ServiceRefused

if TYPE_CHECKING:
    from stateful_oauth.flows.oauth.openid import TokenResponse

# About the user, and not about an API: not all providers name them in an access token.
_OF_OPENID: Final = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})


def granted_scope(answer: TokenResponse, asked: str) -> str:
    """Return the scope of an access token, separated by spaces.

    Args:
        asked: What the provider means where nothing says otherwise (RFC 6749 §5.1): what was asked for.
    """
    claims = answer.claims
    said = answer.scope if answer.scope is not None else asked
    granted = list(dict.fromkeys(said.split()))
    for narrower in (claims.scope, claims.permissions):
        if narrower is not None:
            granted = [name for name in granted if name in narrower or name in _OF_OPENID]
    return " ".join(granted)


def narrowed(answer: TokenResponse, audience: str, scope: str) -> ServiceRefused | None:
    """Return the error of an answer that holds less than what was asked for, or None.

    Codes: `audience_not_granted`, also for a token that is no JWT although an API was named: such a token is
    for the provider itself. `scope_not_granted`.

    Args:
        audience: The API that was asked for, or an empty string.
        scope: What was asked for, separated by spaces; an empty string for whatever there is.
    """
    claims = answer.claims
    elsewhere = claims.audience is not None and audience not in claims.audience
    if audience and (claims.is_opaque or elsewhere):
        return ServiceRefused("audience_not_granted", f"The provider gave no token for {audience}.")
    missing = sorted(set(scope.split()) - set(granted_scope(answer, scope).split()))
    if missing:
        return ServiceRefused("scope_not_granted", f"The provider left out {', '.join(missing)}.")
    return None
