"""The effects of a sign-in: what each asks of the provider, and with which event it comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stateful_oauth.flows.effects import EffectContext, Event
from stateful_oauth.flows.errors import IdTokenRejected
from stateful_oauth.flows.identifiers import code_challenge
from stateful_oauth.flows.openid import (
    AuthorizationRequest,
    IdTokenExpectation,
    TokenResponse,
    VerifiedIdentity,
)

if TYPE_CHECKING:
    from stateful_oauth.flows.transaction import Transaction


@dataclass(frozen=True, slots=True)
class CodeExchanged:
    """The tokens, and who they say is there."""

    identity: VerifiedIdentity
    tokens: TokenResponse


@dataclass(frozen=True, slots=True)
class AccountResolved:
    """The Django user of an identity."""

    identity: VerifiedIdentity
    tokens: TokenResponse
    user_id: str


def authorization_request(transaction: Transaction) -> AuthorizationRequest:
    """Build the authorization request that a row stands for."""
    inputs, secrets = transaction.inputs, transaction.secrets
    return AuthorizationRequest(
        redirect_uri=inputs["redirect_uri"],
        scope=inputs["scope"],
        state=secrets["state"],
        nonce=secrets["nonce"],
        code_challenge=code_challenge(secrets["code_verifier"].reveal()),
        parameters=inputs["parameters"],
    )


def push_request(context: EffectContext) -> Event:
    """POST the authorization request to the provider (RFC 9126)."""
    pushed = context.provider.push_authorization_request(
        authorization_request(context.transaction), time_limit=context.time_limit
    )
    return Event("request_pushed", pushed)


def exchange_code(context: EffectContext) -> Event:
    """POST the code to the token endpoint, and check the ID token that comes back."""
    inputs, secrets = context.transaction.inputs, context.transaction.secrets
    tokens = context.provider.exchange_code(
        code=context.payload.code,
        redirect_uri=inputs["redirect_uri"],
        code_verifier=secrets["code_verifier"],
        time_limit=context.time_limit,
    )
    if tokens.id_token is None:
        raise IdTokenRejected("id_token_missing")
    parameters = inputs["parameters"]
    expected = IdTokenExpectation(
        nonce=secrets["nonce"],
        access_token=tokens.access_token,
        max_age=int(parameters["max_age"]) if "max_age" in parameters else None,
        acr_values=tuple(parameters.get("acr_values", "").split()),
        organization=parameters.get("organization"),
        subject=inputs.get("subject"),
    )
    identity = context.provider.verify_id_token(tokens.id_token, expected, now=context.clock.now())
    return Event("code_exchanged", CodeExchanged(identity, tokens))


def resolve_account(context: EffectContext) -> Event:
    """Find or make the Django user of the identity, in the settle transaction."""
    exchanged: CodeExchanged = context.payload
    user_id = context.caller.resolve_account(exchanged.identity)
    return Event("account_resolved", AccountResolved(exchanged.identity, exchanged.tokens, user_id))
