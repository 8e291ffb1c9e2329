"""``/oauth/token``: finds the grant type (docs/auth0-contract.md §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.emulator.answers import Answer, json_answer
from stateful_oauth.emulator.client_auth import authenticate
from stateful_oauth.emulator.errors import oauth_error
from stateful_oauth.emulator.grant_types import handlers
from stateful_oauth.emulator.routes import Route

if TYPE_CHECKING:
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call


def _token(tenant: TenantState, call: Call) -> Answer:
    params = call.body()
    grant_type = params.get("grant_type")
    if grant_type is None:
        raise oauth_error(400, "invalid_request", "Missing required parameter: grant_type")
    handler = handlers().get(grant_type)
    if handler is None:
        raise oauth_error(403, "unsupported_grant_type", f"Unsupported grant type: {grant_type}")
    client = authenticate(tenant, call)
    if grant_type not in client.grant_types:
        raise oauth_error(
            403, "unauthorized_client", f"Grant type '{grant_type}' not allowed for the client."
        )
    body = handler(tenant, client, params)
    tenant.issued.hosts[body["access_token"]] = call.request.host
    return json_answer(body, headers=[("Pragma", "no-cache")])


ROUTES = [Route("POST", "/oauth/token", _token)]
