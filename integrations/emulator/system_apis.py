"""The two APIs that Auth0 brings along: Management (docs/auth0-contract.md §8) and My Account (§7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.emulator.clients import Api

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stateful_oauth.emulator.clients import Client

MANAGEMENT_PATH = "api/v2/"
MY_ACCOUNT_PATH = "me/"

CURRENT_USER_SCOPES = ("update:current_user_identities",)
MANAGEMENT_SCOPES = (
    "read:users",
    "update:users",
    "delete:users",
    "read:users_app_metadata",
    "update:users_app_metadata",
    "read:connections",
    "read:federated_connections_tokens",
    *CURRENT_USER_SCOPES,
)
MY_ACCOUNT_SCOPES = (
    "create:me:connected_accounts",
    "read:me:connected_accounts",
    "delete:me:connected_accounts",
)


def management_api(audience: str) -> Api:
    """Return the Management API, which every tenant has; users get tokens for the current user only."""
    return Api(
        audience,
        "Auth0 Management API",
        MANAGEMENT_SCOPES,
        refreshable=False,
        user_scopes=CURRENT_USER_SCOPES,
    )


def my_account_api(audience: str) -> Api:
    """Return the My Account API, which a tenant has once it is activated; its tokens are users' only."""
    return Api(audience, "Auth0 My Account API", MY_ACCOUNT_SCOPES, for_machines=False)


def moved(before: str, after: str, clients: Iterable[Client]) -> dict[str, str]:
    """Take the clients' refresh policies along when the tenant gets another issuer.

    Returns:
        The audiences of both APIs: the old ones, and what each is now.
    """
    audiences = {before + path: after + path for path in (MANAGEMENT_PATH, MY_ACCOUNT_PATH)}
    for client in clients:
        client.refresh_policies = {
            audiences.get(audience, audience): scopes for audience, scopes in client.refresh_policies.items()
        }
    return audiences
