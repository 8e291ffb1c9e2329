"""The browser's part of connecting: ticket and provider's page (docs/auth0-contract.md §7.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from stateful_oauth.emulator.answers import Answer, redirect, with_query
from stateful_oauth.emulator.connect_flows import ConnectFlow, ConnectFlows
from stateful_oauth.emulator.errors import Refusal
from stateful_oauth.emulator.ids import opaque
from stateful_oauth.emulator.pages import connect_page, error_page
from stateful_oauth.emulator.routes import Route
from stateful_oauth.emulator.sign_in import browser_cookie, browser_of

if TYPE_CHECKING:
    from stateful_oauth.emulator.people import Account
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

LOST = "This connection request is unknown, has expired, was used already, or belongs to another browser."


def _lost() -> Refusal:
    return Refusal(lambda: error_page("invalid_request", LOST), "unknown connect request")


def _params(call: Call) -> dict[str, str]:
    try:
        return call.params()
    except Refusal as refusal:
        raise _lost() from refusal


def _open(tenant: TenantState, call: Call) -> Answer:
    browser = browser_of(tenant, call) or opaque(16)
    flow = tenant.part(ConnectFlows).open_ticket(_params(call).get("ticket", ""), browser)
    if flow is None:
        raise _lost()
    needed = {"openid", "profile"}
    if flow.ask.connection.strategy == "google-oauth2" and not needed <= set(flow.ask.asked):
        # Without them Google does not say who the person is.
        tenant.part(ConnectFlows).decline(flow)
        return _back(
            flow, error="invalid_request", error_description="The scopes openid and profile are needed"
        )
    location = f"{tenant.base_url}/u/connect?state={quote(flow.id)}"
    return redirect(location).with_headers(browser_cookie(tenant, browser))


def _flow(tenant: TenantState, call: Call) -> ConnectFlow:
    flow = tenant.part(ConnectFlows).at_page(_params(call).get("state", ""), browser_of(tenant, call))
    if flow is None:
        raise _lost()
    return flow


def _show(tenant: TenantState, call: Call) -> Answer:
    return connect_page(tenant, _flow(tenant, call))


def _submit(tenant: TenantState, call: Call) -> Answer:
    flow, form = _flow(tenant, call), _params(call)
    if form.get("action") == "decline":
        tenant.part(ConnectFlows).decline(flow)
        return _back(
            flow,
            error=tenant.settings.declined_connect_error,
            error_description="The resource owner denied the authorization request",
        )
    account = _account(tenant, flow, form)
    if isinstance(account, str):
        return connect_page(tenant, flow, account, 400)
    granted = form["scope"].split() if "scope" in form else flow.ask.asked
    code = tenant.part(ConnectFlows).grant(flow, account, [s for s in flow.ask.asked if s in granted])
    return _back(flow, connect_code=code)


def _account(tenant: TenantState, flow: ConnectFlow, form: dict[str, str]) -> Account | str:
    name = flow.ask.connection.name
    if form.get("action") == "account":
        return tenant.people.find_account(form.get("account", ""), name) or "No account has that name."
    email = form.get("email", "")
    if form.get("action") != "new":
        return "Choose an account first."
    if "@" not in email or len(email) > 254:
        return "An email is needed."
    known = tenant.people.find_account(email, name)
    if known is not None:
        return known
    profile = {"email": email, "email_verified": True, "name": email.partition("@")[0]}
    return tenant.people.add(profile, name, None, None, tenant.clock.now())[0]


def _back(flow: ConnectFlow, **fields: str | None) -> Answer:
    return redirect(with_query(flow.ask.redirect_uri, {**fields, "state": flow.ask.state}))


ROUTES = [
    Route("GET", "/connected-accounts/connect", _open),
    Route("GET", "/u/connect", _show),
    Route("POST", "/u/connect", _submit),
]
