"""RP-initiated logout: the URL that ends the session at the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.auth0.transport import form
from stateful_oauth.flows.engine.secret import SecretURL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.discovery import Metadata
    from stateful_oauth.flows.engine.secret import Secret


def logout_url(
    config: Auth0Config,
    metadata: Metadata,
    *,
    return_to: str | None,
    sid: str | None,
    id_token_hint: Secret | None,
    federated: bool,
) -> str:
    """Return the URL to send the browser to.

    OpenID Connect RP-Initiated Logout 1.0 §2 when the provider announces it, else Auth0's `/v2/logout`.
    """
    if metadata.end_session_endpoint is None:
        endpoint = config.issuer.removesuffix("/") + "/v2/logout"
        fields: dict[str, str | Secret | None] = {"client_id": config.client_id, "returnTo": return_to}
    else:
        endpoint = metadata.end_session_endpoint
        fields = {
            "client_id": config.client_id,
            "logout_hint": sid,
            "id_token_hint": id_token_hint,
            "post_logout_redirect_uri": return_to,
        }
    given = {name: value for name, value in fields.items() if value}
    # Auth0 looks only for its presence.
    return with_query(endpoint, {**given, **({"federated": ""} if federated else {})})


def with_query(endpoint: str, fields: Mapping[str, str | Secret]) -> str:
    """Add parameters to a URL that may have some already (RFC 6749 §3.1); its repr does not show them."""
    return SecretURL(f"{endpoint}{'&' if '?' in endpoint else '?'}{form(fields).reveal()}")
