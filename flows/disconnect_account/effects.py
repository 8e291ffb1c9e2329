"""The effects of disconnecting: what is asked, and how a second answer is told from a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.disconnect_account.inputs import DisconnectAccountInputs
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import AnswerLost, RateLimited, ServiceRefused
from stateful_oauth.flows.oauth.my_account import CANNOT_ASK, at_my_account

if TYPE_CHECKING:
    from stateful_oauth.flows.oauth.services import OAuthEffectContext

_DELETE, _READ = "delete:me:connected_accounts", "read:me:connected_accounts"


def disconnect(context: OAuthEffectContext) -> Event:
    """DELETE the connected account at the My Account API. The grant at the provider itself lives on.

    Whatever else than success it answers, the list of accounts tells.
    """
    inputs = DisconnectAccountInputs.of(context.transaction)
    try:
        at_my_account(
            context,
            inputs.grant,
            lambda token: context.services.provider.my_account.disconnect(
                token, inputs.account, time_limit=context.time_limit
            ),
            _DELETE,
        )
    except RateLimited:
        raise
    except ServiceRefused as error:
        if error.code in CANNOT_ASK:
            raise
        refused = error
    else:
        return Event("account_disconnected")
    try:
        is_gone = _is_gone(context)
    except (AnswerLost, ServiceRefused) as error:
        if context.was_tried or isinstance(error, RateLimited):
            raise
        raise refused from None  # nothing was done before, and this attempt was refused
    if is_gone:
        return Event("account_disconnected")
    raise refused


def reread_accounts(context: OAuthEffectContext) -> Event:
    """GET the list of accounts: it tells whether it happened. Where it did not, DELETE again."""
    return Event("account_disconnected") if _is_gone(context) else disconnect(context)


def _is_gone(context: OAuthEffectContext) -> bool:
    """Whether the provider does not list the account any more.

    Raises:
        ServiceRefused: No repetition could find it out: the grant is over.
        AnswerLost: It could not be read, which says nothing of what an earlier attempt did.
    """
    inputs = DisconnectAccountInputs.of(context.transaction)
    try:
        listed = at_my_account(
            context,
            inputs.grant,
            lambda token: context.services.provider.my_account.accounts(token, time_limit=context.time_limit),
            _READ,
        )
    except RateLimited:
        raise
    except ServiceRefused as error:
        if error.code in CANNOT_ASK:
            raise
        raise AnswerLost("What became of the account could not be read.", code=error.code) from error
    return all(each.id != inputs.account for each in listed)
