"""``/_emulator/logout_tokens``: tokens of the back channel for tests in other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.emulator.answers import Answer, json_answer
from stateful_oauth.emulator.logout_tokens import INITIATORS
from stateful_oauth.emulator.routes.control import bad, body_of, control_route
from stateful_oauth.emulator.tokens import logout_token

if TYPE_CHECKING:
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call


def _sent(tenant: TenantState, _call: Call) -> Answer:
    """List what was sent, without the tokens; ``status`` 0 is a client that did not answer."""
    entries = [
        {"client_id": each.client_id, "url": each.url, "user_id": each.user_id, "sid": each.sid,
         "reason": each.reason, "status": status}
        for each, status in list(tenant.logout_tokens.sent)
    ]  # fmt: skip
    return json_answer({"count": len(entries), "entries": entries})


def _sign(tenant: TenantState, call: Call) -> Answer:
    """Sign a token that is not sent; ``claims`` replace those of Auth0, and null leaves one out."""
    data = body_of(call)
    client = tenant.clients.get(str(data.get("client_id")))
    claims = data.get("claims", {})
    if client is None or not isinstance(claims, dict):
        raise bad('Send {"client_id": a client, "user_id": …, "sid": …, "claims": {…}}.')
    token = logout_token(tenant, client, str(data.get("user_id", "")), str(data.get("sid", "")), **claims)
    return json_answer({"logout_token": token})


def _end(tenant: TenantState, call: Call) -> Answer:
    """End a user's sessions for one of Auth0's reasons: each client of them gets its logout token."""
    data = body_of(call)
    if data.get("reason") not in INITIATORS:
        raise bad(f"reason must be one of: {', '.join(sorted(INITIATORS))}.")
    tenant.end_sessions(call.path["id"], data["reason"])
    return Answer(204)


ROUTES = [
    control_route("GET", "/_emulator/logout_tokens", _sent),
    control_route("POST", "/_emulator/logout_tokens", _sign),
    control_route("POST", "/_emulator/users/{id}/sessions/end", _end),
]
