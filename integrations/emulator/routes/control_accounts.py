"""``/_emulator/…`` for provider accounts, connected accounts and links. It is not part of Auth0.

``POST connected_accounts`` connects without a browser; ``…/{id}/revoke`` takes access back at the provider.
``POST users/{id}/identities`` links and ``DELETE …/{provider}/{user_id}`` unlinks, as in the dashboard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.answers import Answer, json_answer
from stateful_oauth.emulator.errors import Refusal
from stateful_oauth.emulator.routes.control import bad, body_of, collection, control_route, shown
from stateful_oauth.emulator.users import Users

if TYPE_CHECKING:
    from stateful_oauth.emulator.clients import Client, ClientGrant
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.vault import ConnectedAccount
    from stateful_oauth.emulator.wire import Call


def _document(row: ConnectedAccount) -> dict[str, Any]:
    return {
        "id": row.id,
        "user_id": row.user_id,
        "connection": row.connection,
        "provider_user_id": row.provider_user_id,
        "email": row.email,
        "scopes": list(row.scopes),
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "org_id": row.org_id,
        "revoked": row.revoked,
    }


def _row(tenant: TenantState, call: Call) -> ConnectedAccount:
    row = tenant.vault.get(call.path["id"])
    if row is None:
        raise bad("No such connected account.", 404)
    return row


def _disconnect(tenant: TenantState, call: Call) -> Answer:
    tenant.vault.disconnect(_row(tenant, call))
    return Answer(204)


def _revoke(tenant: TenantState, call: Call) -> Answer:
    row = _row(tenant, call)
    tenant.vault.revoke_at_provider(row.id)
    return json_answer(_document(row))


def _accounts(tenant: TenantState, _call: Call) -> Answer:
    """List what people can sign in with or connect, with or without a user."""
    accounts = [
        {"user_id": account.user_id, "connection": account.connection.name, "profile": account.profile}
        for account in tenant.people.accounts
    ]
    return json_answer({"accounts": accounts})


def _link(tenant: TenantState, call: Call) -> Answer:
    body = body_of(call)
    if set(body) != {"provider", "user_id"} or not all(isinstance(value, str) for value in body.values()):
        raise bad('Send {"provider": "…", "user_id": "…"}.')
    try:
        return json_answer(shown(tenant.part(Users).link(call.path["id"], **_named(body))), 201)
    except Refusal as refusal:
        raise bad(str(refusal), refusal.answer().status) from refusal


def _named(body: dict[str, str]) -> dict[str, str]:
    return {"provider": body["provider"], "identifier": body["user_id"]}


def _unlink(tenant: TenantState, call: Call) -> Answer:
    try:
        fresh = tenant.part(Users).unlink(call.path["id"], call.path["provider"], call.path["user_id"])
    except Refusal as refusal:
        raise bad(str(refusal), refusal.answer().status) from refusal
    if fresh is None:
        raise bad("There is no such identity.", 404)
    return json_answer(shown(fresh))


def _management_grants(tenant: TenantState) -> list[ClientGrant]:
    return [grant for grant in tenant.client_grants.values() if grant.audience == tenant.management_audience]


def _connecting_clients(tenant: TenantState) -> list[Client]:
    return [c for c in tenant.clients.values() if tenant.my_account_audience in c.refresh_policies]


ROUTES = [
    *collection("management_grants", _management_grants),
    *collection("connected_accounts_grants", _connecting_clients),
    *collection("connected_accounts", lambda tenant: list(tenant.vault), _document),
    control_route("DELETE", "/_emulator/connected_accounts/{id}", _disconnect),
    control_route("POST", "/_emulator/connected_accounts/{id}/revoke", _revoke),
    control_route("GET", "/_emulator/accounts", _accounts),
    control_route("POST", "/_emulator/users/{id}/identities", _link),
    control_route("DELETE", "/_emulator/users/{id}/identities/{provider}/{user_id}", _unlink),
]
