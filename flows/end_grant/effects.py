"""The effect of ending a grant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import AnswerLost, FlowError, RateLimited, ServiceUnreachable

if TYPE_CHECKING:
    from stateful_oauth.flows.oauth.services import OAuthEffectContext

REVOCATION_UNSUPPORTED: Final = "revocation_unsupported"


def revoke(context: OAuthEffectContext) -> Event:
    """POST the refresh token to the revocation endpoint (RFC 7009).

    The provider answers 200 for a token that it does not know, so a repetition changes nothing. A refusal is
    about the client, and never about the token: it is tried again, and then left to an operator.

    Raises:
        AnswerLost: With the code of the refusal.
        FlowError: `revocation_unsupported`: the provider revokes no tokens.
    """
    try:
        context.services.provider.revoke_refresh_token(
            context.transaction.secrets["refresh_token"], time_limit=context.time_limit
        )
    except (RateLimited, ServiceUnreachable, AnswerLost):
        raise
    except FlowError as error:
        if error.code == REVOCATION_UNSUPPORTED:
            raise
        raise AnswerLost("The provider did not take the revocation.", code=error.code) from error
    return Event("grant_ended")
