"""RP-initiated logout: the URL that ends the session at the provider, if it has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.auth0.transport import form
from stateful_oauth.flows.engine.secret import SecretURL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.discovery import Metadata
    from stateful_oauth.flows.engine.secret import Secret


_LONGEST_HINT: Final = 6000  # characters; servers refuse URLs that are much longer


def logout_url(
    config: Auth0Config,
    metadata: Metadata,
    *,
    return_to: str | None,
    sid: str | None,
    id_token_hint: Secret | None,
    state: Secret | None,
    federated: bool,
) -> str | None:
    """Return the URL to send the browser to, or None: the provider has no sign-out of its own.

    OpenID Connect RP-Initiated Logout 1.0 §2 when the provider announces it or the settings name it, else
    Auth0's `/v2/logout`, if it is Auth0.
    """
    end_session = config.end_session_endpoint or metadata.end_session_endpoint
    if not end_session:
        if not config.is_auth0 or not _has_auth0_urls(config, metadata):
            return None
        endpoint = config.issuer.removesuffix("/") + "/v2/logout"
        fields: dict[str, str | Secret | None] = {"client_id": config.client_id, "returnTo": return_to}
    else:
        endpoint = end_session
        fits = id_token_hint is not None and len(id_token_hint.reveal()) <= _LONGEST_HINT
        fields = {
            "client_id": config.client_id,
            "logout_hint": sid if config.logout_sends_sid else None,
            "id_token_hint": id_token_hint if fits else None,
            config.logout_return_parameter: return_to,
            "state": state,
        }
    given = {name: value for name, value in fields.items() if value}
    # Auth0 looks only for its presence.
    return with_query(endpoint, {**given, **({"federated": ""} if federated and config.is_auth0 else {})})


def _has_auth0_urls(config: Auth0Config, metadata: Metadata) -> bool:
    """Whether the endpoints are where Auth0 has them: no other provider has `/v2/logout`."""
    return metadata.token_endpoint == config.issuer.removesuffix("/") + "/oauth/token"


def with_query(endpoint: str, fields: Mapping[str, str | Secret]) -> str:
    """Add parameters to a URL that may have some already (RFC 6749 §3.1); its repr does not show them."""
    return SecretURL(f"{endpoint}{'&' if '?' in endpoint else '?'}{form(fields).reveal()}")
