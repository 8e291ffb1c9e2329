"""``/authorize`` (docs/auth0-contract.md §2)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from stateful_oauth.emulator.answers import Answer, redirect
from stateful_oauth.emulator.authorization_request import (
    Denied,
    Unsafe,
    find_client,
    read_ask,
    response_mode,
)
from stateful_oauth.emulator.errors import Refusal
from stateful_oauth.emulator.pages import error_page
from stateful_oauth.emulator.routes import Route
from stateful_oauth.emulator.sign_in import (
    admit,
    browser_of,
    denial,
    error_callback,
    issue_code,
    missing_consent,
    needs_confirmation,
    needs_sign_in,
    session_of,
    start_login,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.sessions import Ask, Session
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

_DESCRIPTIONS = {
    "login_required": "Login required",
    "interaction_required": "Multifactor authentication required",
    "consent_required": "Consent required",
}


def _authorize(tenant: TenantState, call: Call) -> Answer:
    try:
        given = call.params()
    except Refusal as refusal:
        return error_page("invalid_request", str(refusal))
    try:
        params = _pushed(tenant, given) if "request_uri" in given else given
        client, redirect_uri = find_client(tenant, params)
    except Unsafe as unsafe:
        return error_page(unsafe.error, unsafe.description)
    try:
        ask = read_ask(tenant, client, redirect_uri, params, pushed=params is not given)
    except Denied as denied:
        return error_callback(tenant, redirect_uri, response_mode(params), params.get("state"), denied)
    try:
        return _decide(tenant, call, ask)
    except Denied as denied:
        return denial(tenant, ask, denied)


def _pushed(tenant: TenantState, given: Mapping[str, str]) -> Mapping[str, str]:
    pushed = tenant.browsers.pushed.get(given["request_uri"])
    if pushed is None or pushed.client_id != given.get("client_id"):
        raise Unsafe("invalid_request_uri", tenant.settings.used_request_uri_text)
    del tenant.browsers.pushed[given["request_uri"]]
    if pushed.expires_at <= tenant.clock.now():
        raise Unsafe("invalid_request_uri", "The request_uri has expired")
    tenant.ledger.record("par_consumed", client_id=pushed.client_id, request_uri=given["request_uri"])
    return {**pushed.params, "client_id": pushed.client_id}


def _decide(tenant: TenantState, call: Call, ask: Ask) -> Answer:
    session = session_of(tenant, call)
    if session is not None and session.user_id not in tenant.people.users:
        session = None
    missing = needs_sign_in(tenant, ask, session)
    if session is not None and missing is None:
        return _with_session(tenant, call, ask, session)
    if "none" in ask.prompt and missing is not None:
        raise Denied(missing, _DESCRIPTIONS[missing])
    login, header = start_login(tenant, ask, browser_of(tenant, call))
    return redirect(f"{tenant.base_url}/u/login?state={quote(login.id)}").with_headers(header)


def _with_session(tenant: TenantState, call: Call, ask: Ask, session: Session) -> Answer:
    user = tenant.people.users[session.user_id]
    admit(tenant, ask, user)
    if not missing_consent(tenant, ask, user):
        return issue_code(tenant, ask, session, fresh=False)
    if "none" in ask.prompt and needs_confirmation(tenant, ask):
        raise Denied("interaction_required", "The callback URL needs the user's confirmation")
    if "none" in ask.prompt:
        raise Denied("consent_required", _DESCRIPTIONS["consent_required"])
    login, header = start_login(tenant, ask, browser_of(tenant, call))
    login.signed_in = session
    return redirect(f"{tenant.base_url}/u/consent?state={quote(login.id)}").with_headers(header)


ROUTES = [Route("GET POST", "/authorize", _authorize)]
