"""``grant_type=client_credentials`` (docs/auth0-contract.md §4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.errors import oauth_error
from stateful_oauth.emulator.tokens import machine_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.state import TenantState

GRANT_TYPE = "client_credentials"


def exchange(tenant: TenantState, client: Client, params: Mapping[str, str]) -> dict[str, Any]:
    """Give a client a token for an API that it has a client grant for."""
    if client.public:
        raise oauth_error(401, "access_denied", "Unauthorized")
    audience = params.get("audience")
    if audience is None:
        raise oauth_error(
            403,
            "access_denied",
            "No audience parameter was provided, and no default audience has been configured",
        )
    if audience not in tenant.apis:
        raise oauth_error(403, "access_denied", f"Service not enabled within domain: {audience}")
    grant = tenant.client_grants.get((client.client_id, audience))
    if grant is None or not tenant.apis[audience].for_machines:
        raise oauth_error(
            403,
            "access_denied",
            f'Client "{client.client_id}" is not authorized to access resource server "{audience}". '
            'You need to create a "client-grant" associated to this API.',
        )
    organization_id = _organization(tenant, params.get("organization"))
    wanted = params.get("scope", "").split()
    # Scopes without a grant are dropped without a word.
    scopes = [scope for scope in grant.scopes if not wanted or scope in wanted]
    value, life = machine_token(tenant, client, audience, scopes, organization_id)
    tenant.ledger.record(
        "m2m_token_issued", client_id=client.client_id, audience=audience, access_token=value
    )
    body: dict[str, Any] = {"access_token": value}
    if scopes and tenant.settings.scope_in_reply:
        body["scope"] = " ".join(scopes)
    body |= {"expires_in": life, "token_type": "Bearer"}
    if tenant.token_reply_hook is not None:
        tenant.token_reply_hook(body)
    return body


def _organization(tenant: TenantState, wanted: str | None) -> str | None:
    if wanted is None:
        return None
    organization = tenant.people.organization(wanted)
    if organization is None:
        raise oauth_error(403, "access_denied", f"parameter organization is invalid: {wanted}")
    return organization.id
