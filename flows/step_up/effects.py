"""The effects of a step-up: what each asks of the provider, and with which event it comes back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.oauth.authorization_code import granted, request_of
from stateful_oauth.flows.oauth.services import account_caller
from stateful_oauth.flows.step_up.inputs import StepUpInputs

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.transaction import Transaction
    from stateful_oauth.flows.oauth.openid import AuthorizationRequest
    from stateful_oauth.flows.oauth.services import OAuthEffectContext


def authorization_request(transaction: Transaction) -> AuthorizationRequest:
    """Build the authorization request that a row stands for."""
    inputs = StepUpInputs.of(transaction)
    return request_of(transaction, inputs, inputs.authorization_parameters())


def push_request(context: OAuthEffectContext) -> Event:
    """POST the authorization request to the provider (RFC 9126)."""
    pushed = context.services.provider.push_authorization_request(
        authorization_request(context.transaction), time_limit=context.time_limit
    )
    return Event("request_pushed", pushed)


def exchange_code(context: OAuthEffectContext) -> Event:
    """POST the code, and check that the same user has authenticated recently and in a requested way."""
    inputs = StepUpInputs.of(context.transaction)
    # With `max_age=0` it counts from the start, however long the way back took, by a second factor say.
    recently: dict[str, Any] = (
        {"max_age": inputs.max_age}
        if inputs.max_age
        else {"asked_at": datetime.fromisoformat(inputs.asked_at)}
    )
    sign_in = granted(
        context,
        completes=False,  # the user's data are none of a step-up's
        acr_values=tuple(inputs.acr_values.split()),
        organization=inputs.parameters.get("organization"),
        subject=inputs.subject,
        **recently,
    )
    standing = account_caller(context.caller).standing_of(sign_in.identity)
    return Event("code_exchanged", sign_in.held(standing))
