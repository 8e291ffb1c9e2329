"""``/oauth/par`` (docs/auth0-contract.md §3, RFC 9126)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.emulator.answers import Answer, json_answer
from stateful_oauth.emulator.authorization_request import Denied, Unsafe, find_client, read_ask
from stateful_oauth.emulator.client_auth import authenticate
from stateful_oauth.emulator.errors import oauth_error
from stateful_oauth.emulator.ids import opaque
from stateful_oauth.emulator.routes import Route
from stateful_oauth.emulator.sessions import Pushed

if TYPE_CHECKING:
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

MAX_PAYLOAD = 10 * 1024
MAX_CUSTOM = 10
_CREDENTIALS = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


def _push(tenant: TenantState, call: Call) -> Answer:
    if not tenant.settings.par:
        raise oauth_error(400, "invalid_request", "Pushed Authorization Requests are not enabled")
    if (call.request.content_length or 0) > MAX_PAYLOAD:
        raise oauth_error(400, "invalid_request", "The payload is too large")
    given = call.body()
    client = authenticate(tenant, call, confidential=True)
    if "request_uri" in given:
        raise oauth_error(400, "invalid_request", "request_uri is not allowed here")
    if sum(name.startswith("ext-") for name in given) > MAX_CUSTOM:
        raise oauth_error(400, "invalid_request", "Too many custom parameters")
    params = {name: value for name, value in given.items() if name not in _CREDENTIALS}
    params["client_id"] = client.client_id
    try:
        read_ask(tenant, *find_client(tenant, params), params, pushed=True)
    except (Denied, Unsafe) as refused:
        raise oauth_error(400, "invalid_request", refused.description) from refused
    uri = f"urn:ietf:params:oauth:request_uri:{opaque()}"
    life = tenant.settings.par_ttl
    tenant.browsers.pushed[uri] = Pushed(client.client_id, params, tenant.clock.now() + life)
    tenant.ledger.record("par_pushed", client_id=client.client_id, request_uri=uri)
    return json_answer({"request_uri": uri, "expires_in": life}, 201)


ROUTES = [Route("POST", "/oauth/par", _push)]
