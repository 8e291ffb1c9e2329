"""The authorization code grant, as several flows use it (RFC 6749 §4.1, OpenID Connect Core §3.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.oauth.errors import IdTokenRejected, ProviderAnswerLost
from stateful_oauth.flows.oauth.held_tokens import RECEIVED
from stateful_oauth.flows.oauth.inputs import AuthorizationInputs
from stateful_oauth.flows.oauth.openid import AuthorizationRequest, IdTokenExpectation
from stateful_oauth.flows.oauth.pkce import code_challenge
from stateful_oauth.flows.oauth.sign_in import SignIn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.engine.transaction import Transaction
    from stateful_oauth.flows.oauth.ports import Provider
    from stateful_oauth.flows.oauth.services import OAuthEffectContext


def request_of(
    transaction: Transaction, inputs: AuthorizationInputs, parameters: Mapping[str, str]
) -> AuthorizationRequest:
    """Build the authorization request that a row stands for.

    Args:
        inputs: Those of the transaction.
        parameters: Everything that the flow does not own.
    """
    secrets = transaction.secrets
    return AuthorizationRequest(
        redirect_uri=inputs.redirect_uri,
        scope=inputs.scope,
        state=secrets["state"],
        nonce=secrets["nonce"],
        code_challenge=code_challenge(secrets["code_verifier"].reveal()),
        parameters=parameters,
    )


def url_of(provider: Provider, transaction: Transaction, request: AuthorizationRequest) -> str:
    """Return the URL to send the browser to: with the request, or with the reference to a pushed one."""
    request_uri = transaction.secrets.get("request_uri")
    if request_uri is not None:
        return provider.pushed_authorization_url(request_uri)
    return provider.authorization_url(request)


def granted(context: OAuthEffectContext, *, completes: bool = True, **expected: Any) -> SignIn:
    """POST the code to the token endpoint, and check the ID token that comes back.

    Args:
        context: The payload is the `AuthorizationResponse`.
        completes: Add what UserInfo says, where the settings ask for it.
        expected: Fields of `IdTokenExpectation`, besides those that every exchange has.

    Raises:
        FlowError: `code_sent_before`, and nothing was sent.
        IdTokenRejected: `id_token_missing`, or what is wrong with it.
        Mismatch: It is not about what was asked for.
        FlowError: What else became of the exchange, or of UserInfo.
    """
    inputs = AuthorizationInputs.of(context.transaction)
    secrets, provider = context.transaction.secrets, context.services.provider
    if not context.services.codes.may_send(context.payload.code):
        raise FlowError("code_sent_before", "Another attempt, or a lost row, has sent the code.")
    exchanged_at = context.clock.now()
    try:
        tokens = provider.exchange_code(
            code=context.payload.code,
            redirect_uri=inputs.redirect_uri,
            code_verifier=secrets["code_verifier"],
            time_limit=context.time_limit,
        )
    except ProviderAnswerLost as error:
        _receive(context, error.refresh_token)
        raise
    _receive(context, tokens.refresh_token)
    if tokens.id_token is None:
        raise IdTokenRejected("id_token_missing")
    expectation = IdTokenExpectation(
        nonce=secrets["nonce"], access_token=tokens.access_token, exchanged_at=exchanged_at, **expected
    )
    identity = provider.verify_id_token(tokens.id_token, expectation, now=context.clock.now())
    if completes:
        # What was asked for: not every answer names the scope of the user's data, or a true one.
        identity = provider.with_userinfo(
            identity, tokens.access_token, scope=inputs.scope, time_limit=context.time_limit
        )
    # One that is not kept is revoked: it was received, and no grant holds it.
    if not provider.keeps_refresh_token(inputs.scope):
        tokens = replace(tokens, refresh_token=None)
    if not provider.wants_id_token_hint():
        tokens = replace(tokens, id_token=None)
    return SignIn.granted(identity, tokens, at=exchanged_at)


def _receive(context: OAuthEffectContext, refresh_token: Secret | None) -> None:
    """Note a refresh token before anything is checked: the provider honours it from now on.

    Not where the provider revokes none: then there is nothing to do for a token that is let go.
    """
    if refresh_token is not None and context.services.provider.revokes_refresh_tokens():
        context.receive(**{RECEIVED: refresh_token})
