"""What a refresh token buys: access tokens of the tenant's APIs, and of the identity providers behind it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from stateful_oauth.auth0.oauth_answers import REFUSALS, TOKEN_REFUSALS, token_response
from stateful_oauth.auth0.unverified_claims import unverified_claims
from stateful_oauth.flows.oauth.accounts import ProviderToken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from stateful_oauth.auth0.discovery import Discovery
    from stateful_oauth.auth0.transport import Answer
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.oauth.openid import TokenResponse

    Post = Callable[[str, Mapping[str, str | Secret], float], Answer]

_TOKEN_VAULT: Final = "urn:auth0:params:oauth:grant-type:token-exchange:federated-connection-access-token"  # noqa: S105
_REFRESH_TOKEN: Final = "urn:ietf:params:oauth:token-type:refresh_token"  # noqa: S105 - a type
_PROVIDER_TOKEN: Final = "http://auth0.com/oauth/token-type/federated-connection-access-token"  # noqa: S105 - a type

_OF_THE_USER: Final = {  # the same for both grants: what the user has to do
    "invalid_grant": "grant_dead",
    "mfa_required": "step_up_required",
    "unmet_authentication_requirements": "step_up_required",
    "interaction_required": "step_up_required",
    "login_required": "step_up_required",
    "consent_required": "step_up_required",
}
_REFRESH_REFUSALS: Final = {
    **TOKEN_REFUSALS,
    **_OF_THE_USER,
    "invalid_scope": "scope_not_granted",
    "invalid_target": "audience_not_granted",  # RFC 8707 §2; Auth0 narrows without a word instead
}
_VAULT_REFUSALS: Final = {
    **_OF_THE_USER,
    "federated_connection_refresh_token_not_found": "account_not_connected",
    "federated_connection_refresh_token_flow_failed": "account_not_connected",  # revoked at the provider
    "tokenset_not_found": "account_not_connected",
    "user_not_found": "connected_account_unknown",
    "unauthorized": "sign_in_refused",
    "500 access_denied": "sign_in_refused",
    "invalid_grant: user is blocked": "sign_in_refused",
    "invalid_client": "token_vault_refused",
    "unauthorized_client": "token_vault_refused",
    "unsupported_grant_type": "token_vault_refused",
    "access_denied": "token_vault_refused",
    "invalid_request": "token_vault_refused",
    **{error: REFUSALS[error] for error in ("too_many_requests", "temporarily_unavailable", "server_error")},
}


class TokenGrants:
    """The grants of the token endpoint that start from a refresh token.

    Args:
        post: Sends a form with the client's authentication: endpoint, fields, and the deadline on
            `time.monotonic()`.
        now: The time.
    """

    def __init__(self, discovery: Discovery, post: Post, now: Callable[[], datetime]) -> None:
        self._discovery, self._post, self._now = discovery, post, now

    def refresh(
        self, refresh_token: Secret, *, audience: str | None, scope: str | None, time_limit: float
    ) -> TokenResponse:
        """Ask for an access token; see `flows.oauth.ports.Provider.refresh`.

        An ID token in the answer is dropped, so that it is never used unchecked (OpenID Connect Core §12.2).
        """
        deadline = time.monotonic() + time_limit
        endpoint = self._discovery.metadata(time_limit).token_endpoint
        fields: dict[str, str | Secret] = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if audience is not None:
            fields["audience"] = audience
        if scope is not None:
            fields["scope"] = scope
        tokens = token_response(self._post(endpoint, fields, deadline), _REFRESH_REFUSALS)
        return replace(tokens, id_token=None, claims=unverified_claims(tokens.access_token))

    def provider_token(
        self, refresh_token: Secret, *, connection: str, login_hint: str | None, time_limit: float
    ) -> ProviderToken:
        """Ask Token Vault; see `flows.oauth.ports.Provider.provider_token`.

        Safe to repeat: nothing is spent.
        """
        deadline = time.monotonic() + time_limit
        endpoint = self._discovery.metadata(time_limit).token_endpoint
        fields: dict[str, str | Secret] = {
            "grant_type": _TOKEN_VAULT,
            "subject_token": refresh_token,
            "subject_token_type": _REFRESH_TOKEN,
            "requested_token_type": _PROVIDER_TOKEN,
            "connection": connection,
        }
        if login_hint is not None:
            fields["login_hint"] = login_hint
        answer = self._post(endpoint, fields, deadline)
        tokens = token_response(answer, _VAULT_REFUSALS, "token_vault_refused")
        lifetime = tokens.expires_in
        return ProviderToken(
            value=tokens.access_token,
            scope=tokens.scope or "",
            expires_at=None if lifetime is None else self._now() + timedelta(seconds=lifetime),
        )
