"""``/me/v1/connected-accounts/…``: the My Account API (docs/auth0-contract.md §7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.answers import Answer, json_answer
from stateful_oauth.emulator.clock import iso
from stateful_oauth.emulator.connect_bodies import read_complete, read_connect
from stateful_oauth.emulator.connect_flows import CompletionRefused, ConnectFlows
from stateful_oauth.emulator.my_account import (
    cursor_after,
    endpoint,
    flaw,
    invalid,
    json_body,
    page_of,
)
from stateful_oauth.emulator.my_account_errors import problem

if TYPE_CHECKING:
    from stateful_oauth.emulator.my_account import UserCaller
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.vault import ConnectedAccount
    from stateful_oauth.emulator.wire import Call

CREATE, READ, DELETE = (f"{verb}:me:connected_accounts" for verb in ("create", "read", "delete"))
MAX_CONNECTIONS = 20


def account_document(row: ConnectedAccount) -> dict[str, Any]:
    """Return a connected account as the API shows it: nothing tells whose account at the provider it is."""
    shown: dict[str, Any] = {
        "id": row.id,
        "connection": row.connection,
        "access_type": "offline",
        "scopes": list(row.scopes),
        "created_at": iso(row.created_at),
    }
    if row.expires_at is not None:
        shown["expires_at"] = iso(row.expires_at)
    if row.org_id is not None:
        shown["org_id"] = row.org_id
    return shown


def _connect(tenant: TenantState, call: Call, user: UserCaller) -> Answer:
    ask = read_connect(tenant, tenant.clients.get(user.client_id), json_body(call))
    flow = tenant.part(ConnectFlows).start(ask, user.user_id, user.client_id, user.organization_id)
    body = {
        "auth_session": flow.auth_session,
        "connect_uri": f"{tenant.base_url}/connected-accounts/connect",
        "connect_params": {"ticket": flow.ticket},
        "expires_in": tenant.settings.connect_ttl,
    }
    return json_answer(body, 201)


def _complete(tenant: TenantState, call: Call, user: UserCaller) -> Answer:
    asked = read_complete(json_body(call))
    try:
        row = tenant.part(ConnectFlows).complete(
            user.user_id, asked.auth_session, asked.connect_code, asked.redirect_uri, asked.code_verifier
        )
    except CompletionRefused as refused:
        flaws = [] if refused.field is None else [flaw(refused.field, str(refused))]
        raise problem(refused.status, str(refused), flaws) from refused
    return json_answer(account_document(row), 201)


def _accounts(tenant: TenantState, call: Call, user: UserCaller) -> Answer:
    wanted = call.request.args.getlist("connection")
    if len(wanted) > MAX_CONNECTIONS:
        raise invalid([flaw("connection", f"Must have at most {MAX_CONNECTIONS} items", "query")])
    after, take = page_of(call, {"connection"})
    rows = [row for row in tenant.vault.accounts(user.user_id, wanted) if row.sequence > after]
    body: dict[str, Any] = {"accounts": [account_document(row) for row in rows[:take]]}
    if len(rows) > take:
        body["next"] = cursor_after(rows[take - 1].sequence)
    return json_answer(body)


def _connections(tenant: TenantState, call: Call, user: UserCaller) -> Answer:
    after, take = page_of(call)
    client = tenant.clients.get(user.client_id)
    offered = [
        connection
        for connection in tenant.people.connections.values()
        if connection.connectable and client is not None and client.allows_connection(connection.name)
    ]
    shown = [
        {"name": c.name, "strategy": c.strategy, **({"scopes": list(c.scopes)} if c.scopes else {})}
        for c in offered[after : after + take]
    ]
    body: dict[str, Any] = {"connections": shown}
    if len(offered) > after + take:
        body["next"] = cursor_after(after + take)
    return json_answer(body)


def _delete(tenant: TenantState, call: Call, user: UserCaller) -> Answer:
    account_id = call.path["id"]
    if re.fullmatch(r"cac_[A-Za-z0-9]+", account_id) is None:
        raise invalid([flaw("id", "Must match ^cac_[A-Za-z0-9]+$", "path")])
    row = tenant.vault.get(account_id)
    if row is not None and row.user_id == user.user_id:
        tenant.vault.disconnect(row)
    return Answer(204)


ROUTES = [
    endpoint("POST", "/me/v1/connected-accounts/connect", CREATE, _connect),
    endpoint("POST", "/me/v1/connected-accounts/complete", CREATE, _complete),
    endpoint("GET", "/me/v1/connected-accounts/accounts", READ, _accounts),
    endpoint("GET", "/me/v1/connected-accounts/connections", READ, _connections),
    endpoint("DELETE", "/me/v1/connected-accounts/accounts/{id}", DELETE, _delete),
]
