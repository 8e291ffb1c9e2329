"""Refresh tokens that a transaction holds: where they lie, and which of them a transition lets go.

By comparison, and not by a line at each edge, so that no way out of a flow can forget one: expired,
superseded, cancelled, refused, abandoned, or a code exchanged for a row that has moved on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.oauth.domain_events import GrantIssued, GrantReleased
from stateful_oauth.flows.oauth.sign_in import SignIn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.engine.transition import TransitionContext

RECEIVED: Final = "refresh_token"  # its name in `EffectContext.receive`
_SIGN_INS: Final = ("sign_in", "primary_sign_in")  # secrets of a row that hold a `SignIn`


def released_tokens(transition: TransitionContext) -> Sequence[GrantReleased]:
    """Return an event for each refresh token that was held before a transition, and is not after it."""
    before = {**refresh_tokens_of(transition.received), **refresh_tokens_of(transition.before.secrets)}
    if not before:
        return ()
    kept = {*refresh_tokens_of(transition.transaction.secrets)}
    if transition.child is not None:
        kept |= {*refresh_tokens_of(transition.child.secrets)}
    kept |= {each.refresh_token for each in transition.domain_events if isinstance(each, GrantIssued)}
    return [
        GrantReleased(refresh_token=token, subject=subject)
        for token, subject in before.items()
        if token not in kept
    ]


def refresh_tokens_of(secrets: Mapping[str, Secret]) -> dict[Secret, str]:
    """Return the refresh tokens among secrets, each with the `sub` that it was issued to, if known."""
    return dict(_found(secrets))


def _found(secrets: Mapping[str, Secret]) -> Iterator[tuple[Secret, str]]:
    if RECEIVED in secrets:
        yield secrets[RECEIVED], ""
    for name in _SIGN_INS:
        if name in secrets:
            sign_in = SignIn.from_secret(secrets[name])
            if sign_in.refresh_token is not None:
                yield sign_in.refresh_token, sign_in.identity.subject
