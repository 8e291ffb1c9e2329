"""``/oauth/revoke`` (docs/auth0-contract.md §5, RFC 7009): refresh tokens only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.emulator.answers import Answer
from stateful_oauth.emulator.client_auth import authenticate
from stateful_oauth.emulator.errors import oauth_error
from stateful_oauth.emulator.routes import Route

if TYPE_CHECKING:
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call


def _revoke(tenant: TenantState, call: Call) -> Answer:
    client = authenticate(tenant, call)
    value = call.body().get("token")
    if value is None:
        raise oauth_error(400, "invalid_request", "Missing required parameter: token")
    token = tenant.issued.refresh.get(value)
    if token is None or token.family.client_id != client.client_id:
        return Answer(200)
    family = token.family
    if tenant.issued.end(family):
        about = {"client_id": client.client_id, "user_id": family.user_id, "family": family.id}
        tenant.ledger.record("refresh_revoked", refresh_token=value, **about)
        tenant.ledger.record("family_revoked", reason="revoked", **about)
        if tenant.settings.revoke_deletes_grant:
            tenant.revoke_refresh_tokens(family.user_id, client.client_id)
            tenant.ledger.record("grant_revoked", **about)
    return Answer(200)


ROUTES = [Route("POST", "/oauth/revoke", _revoke)]
