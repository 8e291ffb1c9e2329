"""What makes an authorization request valid (docs/auth0-contract.md §2), here and when it is pushed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stateful_oauth.emulator.sessions import MFA_POLICY, Ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.people import Organization
    from stateful_oauth.emulator.state import TenantState

PROMPTS = frozenset({"none", "login", "consent", "select_account"})
RESPONSE_MODES = frozenset({"query", "form_post"})
_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Denied(Exception):
    """An error that goes back to the client: by redirect at /authorize, as 400 at /oauth/par."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class Unsafe(Exception):
    """The client or the redirect URI is not to be trusted: a page, and no redirect."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


def find_client(tenant: TenantState, params: Mapping[str, str]) -> tuple[Client, str]:
    """Return the client and its redirect URI, checked before anything else (RFC 6749 §3.1.2.4)."""
    client_id = params.get("client_id")
    if client_id is None:
        raise Unsafe("invalid_request", "Missing required parameter: client_id")
    client = tenant.clients.get(client_id)
    if client is None:
        raise Unsafe("invalid_request", f"Unknown client: {client_id}")
    redirect_uri = params.get("redirect_uri")
    if redirect_uri is None:
        raise Unsafe("invalid_request", "Missing required parameter: redirect_uri")
    if redirect_uri not in client.callbacks:
        raise Unsafe(
            "unauthorized_client",
            f"Callback URL mismatch. {redirect_uri} is not in the list of allowed callback URLs",
        )
    return client, redirect_uri


def response_mode(params: Mapping[str, str]) -> str:
    """Return the response mode for errors too; an unknown one counts as ``query``."""
    mode = params.get("response_mode", "query")
    return mode if mode in RESPONSE_MODES else "query"


def read_ask(
    tenant: TenantState, client: Client, redirect_uri: str, params: Mapping[str, str], *, pushed: bool = False
) -> Ask:
    """Return the valid request, or raise ``Denied``."""
    _check_form(tenant, client, params, pushed=pushed)
    prompt = frozenset(params.get("prompt", "").split())
    if not prompt <= PROMPTS or ("none" in prompt and len(prompt) > 1):
        raise Denied("invalid_request", "Invalid prompt parameter")
    audience = params.get("audience")
    if audience is not None and audience not in tenant.apis:
        if audience != f"{tenant.base_url}/userinfo":
            raise Denied("access_denied", f"Service not found: {audience}")
        audience = None
    if (
        tenant.settings.user_grants
        and audience is not None
        and (client.client_id, audience) not in tenant.client_grants
    ):
        text = f'Client "{client.client_id}" is not authorized to access resource server "{audience}".'
        raise Denied("invalid_request", text)
    connection = params.get("connection")
    if connection is not None and (
        connection not in tenant.people.connections or not client.allows_connection(connection)
    ):
        raise Denied("invalid_request", "the connection was not found")
    return Ask(
        client=client,
        redirect_uri=redirect_uri,
        scope=params.get("scope", ""),
        state=params.get("state"),
        nonce=params.get("nonce"),
        audience=audience,
        code_challenge=params.get("code_challenge"),
        code_challenge_method=params.get("code_challenge_method", "plain"),
        response_mode=response_mode(params),
        prompt=prompt,
        max_age=_max_age(params.get("max_age")),
        login_hint=params.get("login_hint"),
        connection=connection,
        organization=_organization(tenant, client, params),
        invitation=params.get("invitation"),
        screen_hint=params.get("screen_hint"),
        mfa=MFA_POLICY in params.get("acr_values", "").split(),
    )


def _check_form(tenant: TenantState, client: Client, params: Mapping[str, str], *, pushed: bool) -> None:
    if "request" in params:
        raise Denied("request_not_supported", "Request objects are not supported")
    if client.require_par and not pushed:
        raise Denied("invalid_request", tenant.settings.par_required_text)
    if {"offline_access", "online_access"} <= set(params.get("scope", "").split()):
        raise Denied("invalid_request", "online_access and offline_access cannot be asked for together")
    response_type = params.get("response_type")
    if response_type is None:
        raise Denied("invalid_request", "Missing required parameter: response_type")
    if response_type != "code":
        raise Denied("unsupported_response_type", f"Unsupported response type: {response_type}")
    if "authorization_code" not in client.grant_types:
        raise Denied("unauthorized_client", "Grant type 'authorization_code' not allowed for the client.")
    if params.get("response_mode", "query") not in RESPONSE_MODES:
        raise Denied("invalid_request", f"Unsupported response mode: {params['response_mode']}")
    challenge = params.get("code_challenge")
    if challenge is None:
        if client.require_pkce or tenant.settings.require_pkce or client.public:
            raise Denied("invalid_request", "Parameter 'code_challenge' is required")
        if "code_challenge_method" in params:
            raise Denied("invalid_request", "code_challenge_method without code_challenge")
    elif params.get("code_challenge_method", "plain") not in {"S256", "plain"}:
        raise Denied("invalid_request", "Unsupported code_challenge_method")
    elif _CHALLENGE.fullmatch(challenge) is None:
        raise Denied("invalid_request", "Invalid code_challenge")


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Denied("invalid_request", "max_age must be a number of seconds")
    return int(text)


def _organization(tenant: TenantState, client: Client, params: Mapping[str, str]) -> Organization | None:
    wanted = params.get("organization")
    if wanted is None:
        if client.organization_usage == "require":
            raise Denied("invalid_request", "parameter organization is required for this client")
        if "invitation" in params:
            raise Denied("invalid_request", "parameter organization is required with invitation")
        return None
    if client.organization_usage == "deny":
        raise Denied("invalid_request", "parameter organization is not allowed for this client")
    organization = tenant.people.organization(wanted)
    if organization is None:
        raise Denied("invalid_request", f"parameter organization is invalid: {wanted}")
    ticket = params.get("invitation")
    if ticket is not None:
        invitation = tenant.people.invitations.get(ticket)
        if invitation is None or invitation.used or invitation.organization is not organization:
            raise Denied("access_denied", "invitation not found or already used")
    return organization
