"""The Token Vault exchange: a provider's access token for an Auth0 token (docs/auth0-contract.md §4.5).

The order of the checks, the choice of the latest account when several fit and no ``login_hint`` was sent, and
the errors of unmet preconditions are guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.answers import json_answer
from stateful_oauth.emulator.errors import Refusal, invalid_grant, oauth_error
from stateful_oauth.emulator.grant_types.refresh_token import live_token
from stateful_oauth.emulator.ids import opaque
from stateful_oauth.emulator.state import TOKEN_VAULT
from stateful_oauth.emulator.tokens import verify_access

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.vault import ConnectedAccount

GRANT_TYPE = TOKEN_VAULT
REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token"  # noqa: S105 - a type
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type
PROVIDER_TOKEN = "http://auth0.com/oauth/token-type/federated-connection-access-token"  # noqa: S105 - a type


def exchange(tenant: TenantState, client: Client, params: Mapping[str, str]) -> dict[str, Any]:
    """Give the access token of the provider for one of the user's connected accounts."""
    _check_client(client)
    for name in ("subject_token", "subject_token_type", "requested_token_type", "connection"):
        if name not in params:
            raise oauth_error(400, "invalid_request", f"Missing required parameter: {name}")
    if params["requested_token_type"] != PROVIDER_TOKEN:
        raise oauth_error(400, "invalid_request", "Unsupported requested_token_type")
    user_id = _subject(tenant, client, params["subject_token_type"], params["subject_token"])
    if tenant.settings.mfa_always:
        raise _mfa_required(tenant.settings.vault_mfa_error)
    row = _account(tenant, user_id, params)
    if row.revoked:
        raise oauth_error(
            401,
            "federated_connection_refresh_token_flow_failed",
            "Refresh Token flow for the Federated Connection failed",
        )
    if not tenant.vault.refreshable(row):
        raise _nothing_there()
    value, left = tenant.vault.access_token(row)
    tenant.ledger.record(
        "vault_token_issued",
        client_id=client.client_id,
        user_id=user_id,
        connection=row.connection,
        account=row.id,
        provider_user_id=row.provider_user_id,
        access_token=value,
    )
    body: dict[str, Any] = {
        "access_token": value,
        "scope": " ".join(row.scopes),
        "expires_in": left,
        "issued_token_type": PROVIDER_TOKEN,
        "token_type": "Bearer",
    }
    if tenant.token_reply_hook is not None:
        tenant.token_reply_hook(body)
    return body


def _check_client(client: Client) -> None:
    if client.public or not client.first_party:
        raise oauth_error(
            403, "unauthorized_client", "Token Vault is for first-party confidential applications."
        )


def _subject(tenant: TenantState, client: Client, kind: str, value: str) -> str:
    if kind == REFRESH_TOKEN:
        if client.rotation:
            error = tenant.settings.vault_rotation_error
            raise oauth_error(403, error, "Token Vault does not support refresh token rotation.")
        return _user_of(tenant, client, value)
    if kind != ACCESS_TOKEN:
        raise oauth_error(400, "invalid_request", "Unsupported subject_token_type")
    if client.resource_server is None:
        raise oauth_error(403, "access_denied", "An access token needs a Custom API Client to exchange it.")
    claims = verify_access(tenant, value, client.resource_server)
    if claims is None or claims.get("gty") == "client-credentials":
        raise invalid_grant("Invalid access token")
    if claims["sub"] not in tenant.people.users:
        raise oauth_error(401, "user_not_found", "Identity User not found.")
    return str(claims["sub"])


def _user_of(tenant: TenantState, client: Client, refresh_token: str) -> str:
    known = tenant.issued.refresh.get(refresh_token)
    user = None if known is None else tenant.people.users.get(known.family.user_id)
    error = tenant.settings.vault_blocked_error
    if user is not None and user.blocked and error != "invalid_grant":
        raise oauth_error(401, error, "user is blocked")
    return live_token(tenant, client, refresh_token).family.user_id


def _account(tenant: TenantState, user_id: str, params: Mapping[str, str]) -> ConnectedAccount:
    rows = tenant.vault.accounts(user_id, {params["connection"]})
    if not rows:
        if params["subject_token_type"] == ACCESS_TOKEN:
            raise oauth_error(401, "tokenset_not_found", "Federated connection tokenset not found.")
        raise _nothing_there()
    hint = params.get("login_hint")
    if hint is None:
        return rows[-1]
    for row in rows:
        if hint in {row.provider_user_id, row.email}:
            return row
    raise oauth_error(401, tenant.settings.vault_login_hint_error, "Identity User not found.")


def _mfa_required(error: str) -> Refusal:
    body = {
        "error": error,
        "error_description": "Multifactor authentication required",
        "mfa_token": f"Fe26.2*{opaque(12)}",
    }
    return Refusal(lambda: json_answer(body, 401), body["error"])


def _nothing_there() -> Refusal:
    return oauth_error(
        401,
        "federated_connection_refresh_token_not_found",
        "Federated connection Refresh Token not found.",
    )
