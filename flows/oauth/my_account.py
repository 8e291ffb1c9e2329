"""Calling the My Account API with an access token of the grant that a flow was started with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.oauth.services import OAuthEffectContext

TOKEN_REJECTED: Final = "my_account_token_rejected"  # noqa: S105 - an error code
MY_ACCOUNT_SCOPE: Final = "create:me:connected_accounts read:me:connected_accounts"
# There is no grant any more, or the provider lets its user do nothing, and no repetition changes that.
CANNOT_ASK: Final = frozenset({"grant_dead", "grant_missing", "refresh_lost", "sign_in_refused"})

Answer = TypeVar("Answer")


def at_my_account(
    context: OAuthEffectContext,
    grant: str,
    call: Callable[[Secret], Answer],
    scope: str = MY_ACCOUNT_SCOPE,
) -> Answer:
    """Call the My Account API.

    Args:
        grant: The grant's id, or an empty string.

    Raises:
        FlowError: As `AccessTokens.used`.
    """
    return context.services.tokens.used(
        grant or None,
        call,
        audience=context.services.provider.my_account.audience,
        scope=scope,
        time_limit=context.time_limit,
        rejected=TOKEN_REJECTED,
    )
