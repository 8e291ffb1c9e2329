"""``/v2/logout`` and ``/oidc/logout`` (docs/auth0-contract.md §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.answers import Answer, redirect, text_answer, with_query
from stateful_oauth.emulator.errors import Refusal
from stateful_oauth.emulator.ids import opaque
from stateful_oauth.emulator.pages import error_page, logout_page
from stateful_oauth.emulator.routes import Route
from stateful_oauth.emulator.sessions import LogoutConfirmation
from stateful_oauth.emulator.sign_in import (
    browser_cookie,
    browser_of,
    end_session,
    session_cookie,
    session_of,
)
from stateful_oauth.emulator.tokens import verify_own

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stateful_oauth.emulator.clients import Client
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call


def _refuse(description: str) -> Refusal:
    return Refusal(lambda: error_page("invalid_request", description), description)


def _params(call: Call) -> dict[str, str]:
    try:
        return call.params()
    except Refusal as refusal:
        raise _refuse(str(refusal)) from refusal


def _client(tenant: TenantState, client_id: str | None) -> Client | None:
    if client_id is None:
        return None
    client = tenant.clients.get(client_id)
    if client is None:
        raise _refuse(f"Unknown client: {client_id}")
    return client


def _allowed(tenant: TenantState, client: Client | None) -> Sequence[str]:
    return tenant.settings.logout_urls if client is None else client.logout_urls


def _leave(tenant: TenantState, call: Call, target: str | None) -> Answer:
    session = session_of(tenant, call)
    if session is not None:
        end_session(tenant, session, "rp-logout")
    answer = text_answer("OK") if target is None else redirect(target)
    return answer.with_headers(session_cookie(tenant, None))


def _v2(tenant: TenantState, call: Call) -> Answer:
    if not tenant.settings.auth0_logout:
        return text_answer("Not Found", 404)
    params = _params(call)
    target = params.get("returnTo")
    client = _client(tenant, params.get("client_id"))
    if target is not None and target not in _allowed(tenant, client):
        raise _refuse(
            f'The "returnTo" querystring parameter "{target}" is not defined as a valid URL in '
            '"Allowed Logout URLs".'
        )
    return _leave(tenant, call, target)


def _hint(tenant: TenantState, params: dict[str, str]) -> dict[str, Any] | None:
    if "id_token_hint" not in params:
        return None
    # An expired ID token is a good hint (OpenID Connect RP-Initiated Logout 1.0 §2).
    claims = verify_own(tenant, params["id_token_hint"])
    if claims is None or "azp" in claims:
        raise _refuse("Invalid id_token_hint")
    if params.get("client_id", claims.get("aud")) != claims.get("aud"):
        raise _refuse("The id_token_hint was issued to another client")
    return claims


def _oidc(tenant: TenantState, call: Call) -> Answer:
    params = _params(call)
    hint = _hint(tenant, params)
    if hint is None and tenant.settings.logout_needs_id_token:
        raise _refuse("The id_token_hint parameter is required")
    client = _client(tenant, params.get("client_id") or (str(hint["aud"]) if hint else None))
    target = params.get("post_logout_redirect_uri")
    if target is not None:
        if target not in _allowed(tenant, client):
            raise _refuse(
                f'The "post_logout_redirect_uri" parameter "{target}" is not defined as a valid URL in '
                '"Allowed Logout URLs".'
            )
        states = {"same": params.get("state"), "none": None, "other": "another-state"}
        target = with_query(target, {"state": states[tenant.settings.logout_state]})
    session = session_of(tenant, call)
    sid = hint.get("sid") if hint else params.get("logout_hint")
    if session is None or session.sid == sid:
        return _leave(tenant, call, target)
    browser = browser_of(tenant, call) or opaque(16)
    ticket = opaque(24)
    tenant.browsers.logouts[ticket] = LogoutConfirmation(browser, target, tenant.clock.now())
    return logout_page(ticket).with_headers(browser_cookie(tenant, browser))


def _confirm(tenant: TenantState, call: Call) -> Answer:
    waiting = tenant.browsers.logouts.pop(_params(call).get("ticket", ""), None)
    too_old = waiting and tenant.clock.now() >= waiting.started_at + tenant.settings.login_ttl
    if waiting is None or too_old or waiting.browser != browser_of(tenant, call):
        raise _refuse("This confirmation is not valid any more.")
    return _leave(tenant, call, waiting.target)


ROUTES = [
    Route("GET", "/v2/logout", _v2),
    Route("GET POST", "/oidc/logout", _oidc),
    Route("POST", "/oidc/logout/confirm", _confirm),
]
