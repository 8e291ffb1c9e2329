"""Management views of connections and connected accounts (docs/auth0-contract.md §7.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.answers import Answer, json_answer
from stateful_oauth.emulator.clock import iso
from stateful_oauth.emulator.management import (
    endpoint,
    flag_of,
    invalid_query,
    narrowed,
    number_of,
    query_of,
    user_id_of,
)
from stateful_oauth.emulator.users import Users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.bearer import Caller
    from stateful_oauth.emulator.people import Connection
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.vault import ConnectedAccount
    from stateful_oauth.emulator.wire import Call

_LIST = {"name", "strategy", "page", "per_page", "include_totals", "from", "take", "fields", "include_fields"}
MAX_ACCOUNTS = 20


def _account(row: ConnectedAccount) -> dict[str, Any]:
    connection = row.account.connection
    shown: dict[str, Any] = {
        "id": row.id,
        "connection": connection.name,
        "connection_id": connection.id,
        "strategy": connection.strategy,
        "access_type": "offline",
        "scopes": list(row.scopes),
        "created_at": iso(row.created_at),
    }
    if row.expires_at is not None:
        shown["expires_at"] = iso(row.expires_at)
    if row.org_id is not None:
        shown["organization_id"] = row.org_id
    return shown


def _accounts(tenant: TenantState, call: Call, _caller: Caller) -> Answer:
    user_id, query = user_id_of(call), query_of(call, {"from", "take"})
    # auth0-python asks for 50 of its own accord, beyond the documented 20: not an error, then.
    take = min(number_of(query, "take", 10, 1, 100), MAX_ACCOUNTS)
    rows = tenant.connected_accounts(tenant.part(Users).get(user_id))
    start = _start(query, [row.id for row in rows])
    body: dict[str, Any] = {"connected_accounts": [_account(row) for row in rows[start : start + take]]}
    if len(rows) > start + take:
        body["next"] = rows[start + take].id
    return json_answer(body)


def _start(query: Mapping[str, str], ids: list[str]) -> int:
    """Return where the page of a list starts: at the id that ``from`` names."""
    if "from" not in query:
        return 0
    if query["from"] not in ids:
        raise invalid_query("from is not a checkpoint")
    return ids.index(query["from"])


def _tokensets(tenant: TenantState, call: Call, _caller: Caller) -> Answer:
    rows = tenant.connected_accounts(tenant.part(Users).get(user_id_of(call)))
    shown = [
        {
            "id": row.id,
            "connection": row.connection,
            "scope": " ".join(row.scopes),
            "issued_at": int(row.created_at),
            "last_used_at": int(row.last_used),
        }
        for row in rows
    ]
    return json_answer(shown)


def _connection(connection: Connection) -> dict[str, Any]:
    return {
        "id": connection.id,
        "name": connection.name,
        "strategy": connection.strategy,
        "display_name": connection.title,
        "options": {},
        "connected_accounts": {"active": connection.connectable},
    }


def _connections(tenant: TenantState, call: Call, _caller: Caller) -> Answer:
    query = query_of(call, _LIST)
    found = [
        connection
        for connection in tenant.people.connections.values()
        if query.get("name", connection.name) == connection.name
        and query.get("strategy", connection.strategy) == connection.strategy
    ]
    if query.keys() & {"from", "take"}:
        return _by_checkpoint(query, found)
    page, per_page = number_of(query, "page", 0, 0, 99_999), number_of(query, "per_page", 50, 1, 100)
    start = page * per_page
    shown = [narrowed(_connection(connection), query) for connection in found[start : start + per_page]]
    if not flag_of(query, "include_totals", False):
        return json_answer(shown)
    counts = {"start": start, "limit": per_page, "length": len(shown), "total": len(found)}
    return json_answer({**counts, "connections": shown})


def _by_checkpoint(query: Mapping[str, str], found: list[Connection]) -> Answer:
    start, take = _start(query, [c.id for c in found]), number_of(query, "take", 50, 1, 100)
    page = found[start : start + take]
    body: dict[str, Any] = {"connections": [narrowed(_connection(connection), query) for connection in page]}
    if len(found) > start + take:
        body["next"] = found[start + take].id
    return json_answer(body)


ROUTES = [
    endpoint("GET", "/api/v2/connections", ("read:connections",), _connections),
    endpoint("GET", "/api/v2/users/{id}/connected-accounts", ("read:users",), _accounts),
    endpoint(
        "GET",
        "/api/v2/users/{id}/federated-connections-tokensets",
        ("read:federated_connections_tokens",),
        _tokensets,
    ),
]
