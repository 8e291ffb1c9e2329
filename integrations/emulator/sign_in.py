"""From a valid request to the answer on the callback: sessions, organizations, consent, the code."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stateful_oauth.emulator.actions import Actions
from stateful_oauth.emulator.answers import Answer, cookie, redirect, with_query
from stateful_oauth.emulator.authorization_request import Denied
from stateful_oauth.emulator.ids import opaque
from stateful_oauth.emulator.pages import form_post_page
from stateful_oauth.emulator.sessions import Login, Session
from stateful_oauth.emulator.tokens import OIDC_SCOPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stateful_oauth.emulator.people import Account, Invitation, User
    from stateful_oauth.emulator.sessions import Ask
    from stateful_oauth.emulator.state import TenantState
    from stateful_oauth.emulator.wire import Call


def _cookie_name(tenant: TenantState, kind: str) -> str:
    # Browsers do not keep cookies of two ports of one host apart.
    port = tenant.domain.partition(":")[2]
    return f"{kind}_{port}" if port else kind


def browser_of(tenant: TenantState, call: Call) -> str | None:
    """Return the id of the browser, if it has been here before."""
    return call.request.cookies.get(_cookie_name(tenant, "did")) or None


def browser_cookie(tenant: TenantState, browser: str) -> tuple[str, str]:
    """Return the header that names the browser."""
    return cookie(_cookie_name(tenant, "did"), browser, secure=_secure(tenant), max_age=31_557_600)


def session_cookie(tenant: TenantState, session: Session | None) -> tuple[str, str]:
    """Return the header that gives the browser its SSO session, or takes it away."""
    name = _cookie_name(tenant, "auth0")
    if session is None:
        return cookie(name, "", secure=_secure(tenant), max_age=0)
    return cookie(name, session.cookie, secure=_secure(tenant), max_age=tenant.settings.session_ttl)


def _secure(tenant: TenantState) -> bool:
    return tenant.issuer.startswith("https:")


def session_of(tenant: TenantState, call: Call) -> Session | None:
    """Return the browser's live session; one past its lifetime ends here."""
    value = call.request.cookies.get(_cookie_name(tenant, "auth0"))
    session = tenant.browsers.sessions.get(value) if value else None
    if session is None:
        return None
    now, settings = tenant.clock.now(), tenant.settings
    too_old = now >= session.auth_time + settings.session_ttl
    if too_old or now >= session.last_used + settings.session_idle_ttl:
        end_session(tenant, session, "session-expired")
        return None
    return session


def end_session(tenant: TenantState, session: Session, why: str) -> None:
    """Forget a session; ``why`` is one of Auth0's initiators (docs/auth0-contract.md §6)."""
    if tenant.browsers.sessions.pop(session.cookie, None) is not None:
        tenant.note_end(session, why)


def needs_sign_in(tenant: TenantState, ask: Ask, session: Session | None) -> str | None:
    """Return None if the session will do, else the error that ``prompt=none`` gets."""
    if session is None:
        return "login_required"
    if ask.prompt & {"login", "select_account"} or ask.invitation is not None:
        return "login_required"
    if ask.max_age is not None and tenant.clock.now() - session.auth_time >= ask.max_age:
        return "login_required"
    if ask.connection is not None and ask.connection != session.connection:
        return "login_required"
    return "interaction_required" if ask.mfa and not session.mfa else None


def start_login(tenant: TenantState, ask: Ask, browser: str | None) -> tuple[Login, tuple[str, str]]:
    """Keep a login transaction; return it with the header that ties it to the browser."""
    browser = browser or opaque(16)
    login = Login(ask, browser, tenant.clock.now())
    tenant.browsers.open_login(login, tenant.settings.logins_per_browser)
    return login, browser_cookie(tenant, browser)


def start_session(
    tenant: TenantState, account: Account, user: User, before: Session | None, *, mfa: bool
) -> Session:
    """Return the session of a person who just authenticated: renewed for the same user, else a new one."""
    now = tenant.clock.now()
    if before is not None and before.user_id == user.user_id:
        before.auth_time = before.last_used = now
        before.connection, before.mfa = account.connection.name, before.mfa or mfa
        tenant.ledger.record("session_renewed", user_id=user.user_id, sid=before.sid)
        return before
    if before is not None:
        end_session(tenant, before, "replaced")
    session = Session(user.user_id, account.connection.name, now, mfa, last_used=now)
    tenant.browsers.sessions[session.cookie] = session
    tenant.ledger.record(
        "session_started", user_id=user.user_id, sid=session.sid, connection=account.connection.name
    )
    return session


def admit(tenant: TenantState, ask: Ask, user: User) -> None:
    """Let the user pass to this client, or raise ``Denied``."""
    if user.blocked:
        raise Denied("unauthorized", "user is blocked")
    if tenant.on_login is not None:
        reason = tenant.on_login(user, ask.client)
        if reason is not None:
            raise Denied("access_denied", reason)
    done = tenant.part(Actions).run("login", user, ask.client)
    if done.denial is not None:
        raise Denied("access_denied", done.denial)
    organization = ask.organization
    if organization is None or user.user_id in organization.members:
        return
    invitation = _invitation(tenant, ask)
    if invitation is None:
        raise Denied(
            "access_denied", f"user {user.user_id} is not part of the {organization.id} organization"
        )
    invitation.used = True  # also by the wrong account
    if (user.email or "").lower() != invitation.email.lower():
        raise Denied("access_denied", "the specified account is not allowed to accept the current invitation")
    organization.members.add(user.user_id)
    tenant.ledger.record("invitation_accepted", user_id=user.user_id, organization=organization.id)


def _invitation(tenant: TenantState, ask: Ask) -> Invitation | None:
    found = tenant.people.invitations.get(ask.invitation or "")
    return None if found is None or found.used else found


def granted_scopes(tenant: TenantState, ask: Ask) -> list[str]:
    """Return the scopes that are granted; unknown ones are dropped silently, as Auth0 does."""
    api = tenant.apis.get(ask.audience or "")
    known = {*OIDC_SCOPES} | set(api.scopes_of_users if api else ())
    granted = [scope for scope in ask.scopes if scope in known]
    offline = "refresh_token" in ask.client.grant_types and (api is None or api.allow_offline_access)
    return granted if offline else [scope for scope in granted if scope != "offline_access"]


def missing_consent(tenant: TenantState, ask: Ask, user: User) -> bool:
    """Whether the person has to agree first."""
    if "consent" in ask.prompt or needs_confirmation(tenant, ask):
        return True
    api = tenant.apis.get(ask.audience or "")
    if ask.client.first_party and (api is None or api.skip_consent):
        return False
    given = tenant.issued.consents.get((user.user_id, ask.client.client_id), set())
    return not consent_items(tenant, ask) <= given


def needs_confirmation(tenant: TenantState, ask: Ask) -> bool:
    """Whether the person is asked because anything on the machine may be at the callback's URL."""
    parts = urlsplit(ask.redirect_uri)
    is_loopback = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return tenant.settings.unverifiable_callback_prompt and (
        is_loopback or parts.scheme not in {"http", "https"}
    )


def consent_items(tenant: TenantState, ask: Ask) -> set[str]:
    """Return what a consent is about: audience and scope."""
    return {f"{ask.audience or ''} {scope}" for scope in granted_scopes(tenant, ask)}


def issue_code(tenant: TenantState, ask: Ask, session: Session, *, fresh: bool) -> Answer:
    """Issue the code and send the person back to the application."""
    now = tenant.clock.now()
    session.last_used = now
    session.clients.add(ask.client.client_id)
    scopes: Sequence[str] = granted_scopes(tenant, ask)
    # Auth0 leaves amr and acr out when it did not ask for the second factor this time.
    code = tenant.issued.new_code(ask, session, ask.mfa and fresh, scopes, now + tenant.settings.code_ttl)
    tenant.ledger.record(
        "code_issued",
        code=code.value,
        client_id=ask.client.client_id,
        user_id=session.user_id,
        sid=session.sid,
        silent="no" if fresh else "yes",
    )
    return callback(tenant, ask.redirect_uri, ask.response_mode, {"code": code.value, "state": ask.state})


def denial(tenant: TenantState, ask: Ask, denied: Denied) -> Answer:
    """Send the person back with an error."""
    return error_callback(tenant, ask.redirect_uri, ask.response_mode, ask.state, denied)


def error_callback(
    tenant: TenantState, redirect_uri: str, mode: str, state: str | None, denied: Denied
) -> Answer:
    """Send an error to the application (RFC 6749 §4.1.2.1)."""
    fields = {"error": denied.error, "error_description": denied.description, "state": state}
    return callback(tenant, redirect_uri, mode, fields)


def callback(tenant: TenantState, redirect_uri: str, mode: str, fields: dict[str, str | None]) -> Answer:
    """Answer to the redirect URI, by redirect or by a form that posts itself."""
    present = {name: value for name, value in fields.items() if value is not None}
    if tenant.settings.iss_on_callback:
        present["iss"] = tenant.issuer
    if mode == "form_post":
        return form_post_page(redirect_uri, present)
    return redirect(with_query(redirect_uri, present))
