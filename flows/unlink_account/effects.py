"""The effects of unlinking: what is asked, and how a second answer is told from a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import AnswerLost, RateLimited, ServiceRefused
from stateful_oauth.flows.unlink_account.inputs import UnlinkAccountInputs

if TYPE_CHECKING:
    from stateful_oauth.flows.oauth.services import OAuthEffectContext


def unlink(context: OAuthEffectContext) -> Event:
    """DELETE the identity from the primary. Whatever else it answers, the primary's identities tell.

    Raises:
        ServiceRefused: The identity is still there, and why: `unlink_refused`, or what is wrong with the
            application.
    """
    inputs = UnlinkAccountInputs.of(context.transaction)
    try:
        context.services.provider.management.unlink(
            inputs.primary,
            provider=inputs.provider,
            user_id=inputs.provider_user_id,
            time_limit=context.time_limit,
        )
    except RateLimited:
        raise
    except ServiceRefused as error:
        refused = error
    else:
        return Event("account_unlinked")
    try:
        is_out = _is_out(context)
    except AnswerLost:
        if context.was_tried or refused.code == "user_unknown":
            raise
        raise refused from None  # nothing was done before, and this attempt was refused
    if is_out:
        return Event("account_unlinked")
    raise refused


def reread_identities(context: OAuthEffectContext) -> Event:
    """GET the primary: its identities tell whether it happened. Where it did not, DELETE again."""
    return Event("account_unlinked") if _is_out(context) else unlink(context)


def _is_out(context: OAuthEffectContext) -> bool:
    """Whether the primary has no such identity any more, or is itself gone.

    Raises:
        AnswerLost: It could not be read, which says nothing of what an earlier attempt did.
    """
    inputs = UnlinkAccountInputs.of(context.transaction)
    try:
        primary = context.services.provider.management.user(inputs.primary, time_limit=context.time_limit)
    except RateLimited:
        raise
    except ServiceRefused as error:
        raise AnswerLost("What became of the unlinking could not be read.", code=error.code) from error
    if primary is None:
        return True
    sought = (inputs.provider, inputs.provider_user_id)
    return all((each.provider, each.user_id) != sought for each in primary.identities)
