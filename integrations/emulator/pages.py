"""The HTML pages: self-contained, no script but the one that posts a form_post answer."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from stateful_oauth.emulator.answers import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stateful_oauth.emulator.connect_flows import ConnectFlow
    from stateful_oauth.emulator.people import Account, Connection
    from stateful_oauth.emulator.sessions import Login, Session
    from stateful_oauth.emulator.state import TenantState

_POST_SCRIPT = "document.forms[0].submit()"
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_POST_SCRIPT.encode()).digest()).decode("ascii")


@cache
def _template(name: str) -> Template:
    return Template(files(__package__).joinpath("templates", name).read_text(encoding="utf-8"))


def _page(title: str, body: str, status: int = 200, script: str = "'none'") -> Answer:
    html = _template("base.html").substitute(title=escape(title), body=body)
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {script}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", policy),
        ("X-Frame-Options", "DENY"),
        # Not no-referrer: with that, a form_post would arrive with "Origin: null".
        ("Referrer-Policy", "strict-origin"),
    ]
    return Answer(status, headers, html.encode("utf-8", "replace"))


def error_page(error: str, description: str, status: int = 400) -> Answer:
    """Return Auth0's error page: shown when there is no safe place to redirect to."""
    body = _template("error.html").substitute(error=escape(error), description=escape(description))
    return _page("Oops, something went wrong", body, status)


def form_post_page(action: str, fields: Mapping[str, str]) -> Answer:
    """Return the page that posts the answer to the application (OAuth 2.0 Form Post Response Mode)."""
    body = _template("form_post.html").substitute(
        action=escape(action), fields=_hidden(fields), script=_POST_SCRIPT
    )
    return _page("Continue", body, script=f"'sha256-{_SCRIPT_HASH}'")


def sign_in_page(
    tenant: TenantState, login: Login, session: Session | None, problem: str = "", status: int = 200
) -> Answer:
    """Return the sign-in page: all users who can sign in, by connection."""
    ask = login.ask
    only = [ask.connection] if ask.connection else ask.client.connections
    groups = "".join(
        _group(tenant, login, connection, accounts, session)
        for connection, accounts in tenant.people.grouped(only)
    )
    body = _template("sign_in.html").substitute(
        client=escape(ask.client.title),
        tenant=escape(tenant.domain),
        organization=_organization(login),
        problem=f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else "",
        groups=groups,
        scopes=_scopes(ask.scopes),
        login=escape(login.id),
    )
    return _page(f"Sign in to {ask.client.title}", body, status)


def _organization(login: Login) -> str:
    organization = login.ask.organization
    if organization is None:
        return ""
    title = escape(organization.display_name or organization.name)
    return f'<p class="note">Organization: <strong>{title}</strong></p>'


def _group(
    tenant: TenantState,
    login: Login,
    connection: Connection,
    accounts: Sequence[Account],
    session: Session | None,
) -> str:
    hidden = _hidden({"state": login.id, "connection": connection.name})
    people = "".join(_person(tenant, account, hidden, session) for account in accounts)
    form = "password.html" if connection.database else "social.html"
    extra = _template(form).substitute(
        hidden=hidden,
        hint=escape(login.ask.login_hint or ""),
        title=escape(connection.title),
        name=escape(connection.name),
        signup="open" if login.ask.screen_hint == "signup" else "",
    )
    return (
        f'<section aria-label="{escape(connection.title)}"><h2>{escape(connection.title)}'
        f" <small>{escape(connection.name)}</small></h2>{people}{extra}</section>"
    )


def _person(tenant: TenantState, account: Account, hidden: str, session: Session | None) -> str:
    holder = tenant.people.holder(account.connection.name, account.identifier)
    notes = [
        "blocked" if holder is not None and holder.blocked else "",
        "never signed in" if holder is None else "",
        "linked" if holder is not None and holder.user_id != account.user_id else "",
        "email not verified" if not account.profile.get("email_verified") else "",
        "signed in now"
        if session is not None and holder is not None and holder.user_id == session.user_id
        else "",
    ]
    return _template("person.html").substitute(
        hidden=hidden,
        account=escape(account.user_id),
        label=escape(account.label),
        initial=escape(account.label[:1].upper()),
        detail=escape(str(account.profile.get("email") or account.user_id)),
        note=escape(", ".join(filter(None, notes))),
    )


def consent_page(tenant: TenantState, login: Login, scopes: Sequence[str]) -> Answer:
    """Return the page that asks whether the application may have what it wants."""
    body = _template("consent.html").substitute(
        client=escape(login.ask.client.title),
        tenant=escape(tenant.domain),
        audience=escape(login.ask.audience or "your profile"),
        scopes=_scopes(scopes),
        login=escape(login.id),
    )
    return _page("Authorize the application", body)


def connect_page(tenant: TenantState, flow: ConnectFlow, problem: str = "", status: int = 200) -> Answer:
    """Return the page on which a person chooses the account to connect, or declines."""
    connection, client = flow.ask.connection, tenant.clients.get(flow.client_id)
    hidden = _hidden({"state": flow.id})
    held = {row.provider_user_id for row in tenant.vault.accounts(flow.user_id, {connection.name})}
    people = "".join(
        _template("connect_account.html").substitute(
            hidden=hidden,
            account=escape(account.user_id),
            label=escape(account.label),
            initial=escape(account.label[:1].upper()),
            detail=escape(str(account.profile.get("email") or account.user_id)),
            note="connected already" if account.identifier in held else "",
        )
        for account in tenant.people.accounts
        if account.connection is connection
    )
    body = _template("connect.html").substitute(
        client=escape(client.title if client else flow.client_id),
        tenant=escape(tenant.domain),
        title=escape(connection.title),
        problem=f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else "",
        people=people,
        hint=escape(flow.ask.login_hint or ""),
        scopes=_scopes(flow.ask.asked),
        hidden=hidden,
    )
    return _page(f"Connect a {connection.title} account", body, status)


def logout_page(ticket: str) -> Answer:
    """Return the page that asks whether the person really wants to sign out."""
    return _page("Sign out?", _template("logout.html").substitute(ticket=escape(ticket)))


def _scopes(scopes: Sequence[str]) -> str:
    return (
        "".join(f"<li><code>{escape(scope)}</code></li>" for scope in scopes)
        or "<li>nothing in particular</li>"
    )


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
