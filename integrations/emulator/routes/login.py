"""The pages on which a person signs in and agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from stateful_oauth.emulator.answers import Answer, redirect
from stateful_oauth.emulator.authorization_request import Denied
from stateful_oauth.emulator.errors import Refusal
from stateful_oauth.emulator.pages import consent_page, error_page, sign_in_page
from stateful_oauth.emulator.routes import Route
from stateful_oauth.emulator.sign_in import (
    admit,
    browser_of,
    consent_items,
    denial,
    granted_scopes,
    issue_code,
    missing_consent,
    session_cookie,
    session_of,
    start_session,
)

if TYPE_CHECKING:
    from stateful_oauth.emulator.people import Account
    from stateful_oauth.emulator.sessions import Login
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call

LOST = (
    "You may have pressed the back button, refreshed during login, opened too many login dialogs, "
    "or there is some issue with cookies, since we couldn't find your session. "
    "Try logging in again from the application."
)


class _Problem(Exception):
    """What the person entered will not do."""


def _login_of(tenant: TenantState, call: Call) -> Login:
    login = tenant.browsers.logins.get(call.params().get("state", ""))
    # The cookie ties the page to the browser that asked: another browser cannot finish its login.
    if login is None or login.browser != browser_of(tenant, call):
        raise Refusal(lambda: error_page("invalid_request", LOST), "unknown login")
    if tenant.clock.now() >= login.started_at + tenant.settings.login_ttl:
        del tenant.browsers.logins[login.id]
        raise Refusal(lambda: error_page("invalid_request", LOST), "login too old")
    return login


def _show(tenant: TenantState, call: Call) -> Answer:
    return sign_in_page(tenant, _login_of(tenant, call), session_of(tenant, call))


def _submit(tenant: TenantState, call: Call) -> Answer:
    login = _login_of(tenant, call)
    if call.params().get("action") == "decline":
        return _decline(tenant, login)
    try:
        account = _account(tenant, call, login)
    except _Problem as problem:
        return sign_in_page(tenant, login, session_of(tenant, call), str(problem), status=400)
    return _sign_in(tenant, call, login, account)


def _decline(tenant: TenantState, login: Login) -> Answer:
    del tenant.browsers.logins[login.id]
    tenant.ledger.record("login_declined", client_id=login.ask.client.client_id)
    return denial(tenant, login.ask, Denied("access_denied", "User did not authorize the request"))


def _sign_in(tenant: TenantState, call: Call, login: Login, account: Account) -> Answer:
    ask, now = login.ask, tenant.clock.now()
    del tenant.browsers.logins[login.id]
    user, made = tenant.people.enter(account, now)
    if made:
        tenant.ledger.record("user_created", user_id=user.user_id, connection=account.connection.name)
        tenant.index.note(user.user_id)
    try:
        admit(tenant, ask, user)
    except Denied as denied:
        return denial(tenant, ask, denied)
    user.logins_count += 1
    user.last_login = now
    session = start_session(tenant, account, user, session_of(tenant, call), mfa=ask.mfa)
    header = session_cookie(tenant, session)
    if missing_consent(tenant, ask, user):
        login.signed_in, login.fresh = session, True
        tenant.browsers.logins[login.id] = login
        return redirect(f"{tenant.base_url}/u/consent?state={quote(login.id)}").with_headers(header)
    return issue_code(tenant, ask, session, fresh=True).with_headers(header)


def _account(tenant: TenantState, call: Call, login: Login) -> Account:
    form = call.params()
    connection = form.get("connection", "")
    known = tenant.people.connections.get(connection)
    if (
        known is None
        or not login.ask.client.allows_connection(connection)
        or login.ask.connection not in {None, connection}
    ):
        raise _Problem("This connection is not offered here.")
    match form.get("action"):
        case "account":
            found = tenant.people.find_account(form.get("account", ""), connection)
            if found is None:
                raise _Problem("No account has that name.")
            return found
        case "password":
            found = tenant.people.check_password(
                form.get("username", ""), form.get("password", ""), connection
            )
            if found is None:
                raise _Problem("Wrong email or password.")
            return found
        case "new":
            return _new_account(tenant, form.get("email", ""), form.get("password"), connection)
        case _:
            raise _Problem("Choose a person first.")


def _new_account(tenant: TenantState, email: str, password: str | None, connection: str) -> Account:
    database = tenant.people.connections[connection].database
    if "@" not in email or len(email) > 254:
        raise _Problem("An email is needed.")
    if database and not password:
        raise _Problem("A password is needed.")
    if tenant.people.find_account(email, connection) is not None:
        raise _Problem("There is such an account already.")
    # A database account's email is unverified until the mail is answered; providers vouch for theirs.
    profile = {"email": email, "email_verified": not database, "name": email.partition("@")[0]}
    account, _user = tenant.people.add(profile, connection, password, None, tenant.clock.now())
    return account


def _show_consent(tenant: TenantState, call: Call) -> Answer:
    login = _login_of(tenant, call)
    return consent_page(tenant, login, granted_scopes(tenant, login.ask))


def _submit_consent(tenant: TenantState, call: Call) -> Answer:
    login = _login_of(tenant, call)
    session = session_of(tenant, call)
    if session is None or session is not login.signed_in:
        return error_page("invalid_request", LOST)
    if call.params().get("action") != "accept":
        return _decline(tenant, login)
    del tenant.browsers.logins[login.id]
    given = tenant.issued.consents.setdefault((session.user_id, login.ask.client.client_id), set())
    given |= consent_items(tenant, login.ask)
    tenant.ledger.record("consent_given", user_id=session.user_id, client_id=login.ask.client.client_id)
    return issue_code(tenant, login.ask, session, fresh=login.fresh)


ROUTES = [
    Route("GET", "/u/login", _show),
    Route("POST", "/u/login", _submit),
    Route("GET", "/u/consent", _show_consent),
    Route("POST", "/u/consent", _submit_consent),
]
