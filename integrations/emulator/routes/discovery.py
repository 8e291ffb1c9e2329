"""The discovery document and the JWK set (docs/auth0-contract.md §1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.answers import Answer, json_answer
from stateful_oauth.emulator.routes import Route
from stateful_oauth.emulator.tokens import OIDC_SCOPES

if TYPE_CHECKING:
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

CLAIMS = [
    "aud",
    "auth_time",
    "created_at",
    "email",
    "email_verified",
    "exp",
    "family_name",
    "given_name",
    "iat",
    "identities",
    "iss",
    "name",
    "nickname",
    "phone_number",
    "picture",
    "sub",
]

GRANT_TYPES = (
    "client_credentials",
    "authorization_code",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "implicit",
    "password",
)


def document(tenant: TenantState) -> dict[str, Any]:
    """Return the discovery document (OpenID Connect Discovery 1.0 §3), with the tenant's overrides."""
    base, settings = tenant.base_url, tenant.settings
    data: dict[str, Any] = {
        "issuer": tenant.issuer,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/oauth/token",
        "device_authorization_endpoint": f"{base}/oauth/device/code",
        "userinfo_endpoint": f"{base}/userinfo",
        "mfa_challenge_endpoint": f"{base}/mfa/challenge",
        "jwks_uri": f"{base}/.well-known/jwks.json",
        "registration_endpoint": f"{base}/oidc/register",
        "revocation_endpoint": f"{base}/oauth/revoke",
        "backchannel_authentication_endpoint": f"{base}/bc-authorize",
        "scopes_supported": list(OIDC_SCOPES),
        "response_types_supported": [
            "code",
            "token",
            "id_token",
            "code token",
            "code id_token",
            "token id_token",
            "code token id_token",
        ],
        "code_challenge_methods_supported": ["S256", "plain"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "tls_client_auth",
            "self_signed_tls_client_auth",
            "none",
        ],
        "token_endpoint_auth_signing_alg_values_supported": list(settings.assertion_algs),
        "claims_supported": CLAIMS,
        "request_uri_parameter_supported": False,
        "request_parameter_supported": False,
        "id_token_signing_alg_values_supported": ["HS256", "RS256", "PS256"],
        "grant_types_supported": list(GRANT_TYPES),
        "dpop_signing_alg_values_supported": ["ES256"],
    }
    if not settings.pkce_in_discovery:
        del data["code_challenge_methods_supported"]
    if not settings.revocation_in_discovery:
        del data["revocation_endpoint"]
    if settings.backchannel_in_discovery:
        data |= {"backchannel_logout_supported": True, "backchannel_logout_session_supported": True}
    if settings.end_session_in_discovery:
        data["end_session_endpoint"] = f"{base}/oidc/logout"
    if settings.par:
        data["pushed_authorization_request_endpoint"] = f"{base}/oauth/par"
    if settings.iss_on_callback:
        data["authorization_response_iss_parameter_supported"] = True
    data |= settings.discovery_overrides
    return {name: value for name, value in data.items() if value is not None}


def _discovery(tenant: TenantState, _call: Call) -> Answer:
    return json_answer(document(tenant))


def _jwks(tenant: TenantState, _call: Call) -> Answer:
    # A key is published before the first token needs it.
    for client in tenant.clients.values():
        if client.signing_alg != "HS256":
            tenant.keys.current(client.signing_alg)
    hidden = tenant.settings.jwks_without
    return json_answer(
        {
            "keys": [
                {name: value for name, value in key.jwk.items() if name not in hidden}
                for key in tenant.keys.published()
            ]
        }
    )


ROUTES = [
    Route("GET", "/.well-known/openid-configuration", _discovery),
    Route("GET", "/.well-known/oauth-authorization-server", _discovery),
    Route("GET", "/.well-known/jwks.json", _jwks),
]
