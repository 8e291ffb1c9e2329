"""What happens while a user connects an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.demo.people import GITHUB, GOOGLE, PASSWORDS
from stateful_oauth.demo.scenarios.scenario import Action, Group, Scenario
from stateful_oauth.django.conf import conf

if TYPE_CHECKING:
    from django.http import HttpResponse

    from stateful_oauth.demo.people import Person
    from stateful_oauth.demo.scenarios.visit import Attempt, Visit
    from stateful_oauth.emulator.faults import FaultKind

_COMPLETE: Final = "/me/v1/connected-accounts/complete"
_CONNECT: Final = "/me/v1/connected-accounts/connect"
_SESSION_OVER: Final = {
    "type": "https://auth0.com/api-errors#A0E-400-0003",
    "status": 400,
    "title": "Invalid request",
    "detail": "The auth_session has expired",
    "validation_errors": [{"detail": "The auth_session has expired", "field": "auth_session"}],
}


def _signed_in(visit: Visit, *, scope: str = "") -> tuple[Attempt, Person]:
    """Sign the visitor in as a new user."""
    person = visit.demo.passer_by(PASSWORDS)
    return visit.sign_in(person, scope=scope), person


def _chosen(visit: Visit, connection: str = GOOGLE) -> tuple[Attempt, Attempt]:
    """Sign the visitor in, and choose an account to connect; its answer is not opened yet."""
    before, _ = _signed_in(visit)
    account = visit.demo.passer_by(connection, known=False)
    return before, visit.connect(connection).connected_as(account)


def declined(visit: Visit) -> HttpResponse:
    """Decline at the identity provider."""
    before, _ = _signed_in(visit)
    return visit.come_back(visit.connect(GOOGLE).declined(), before)


def _when_completing(kind: FaultKind, **details: Any) -> Action:
    def begin(visit: Visit) -> HttpResponse:
        before, attempt = _chosen(visit)
        visit.tenant.faults.add(
            _COMPLETE, kind, match={"connect_code": attempt.answered["connect_code"]}, **details
        )
        return visit.come_back(attempt, before)

    return begin


def unidentified(visit: Visit) -> HttpResponse:
    """Connect an account of a provider that the site cannot ask who it is."""
    before, attempt = _chosen(visit, "linkedin")
    return visit.come_back(attempt, before)


def another_user(visit: Visit) -> HttpResponse:
    """Sign in as another user between the start and the answer."""
    before, attempt = _chosen(visit)
    after, _ = _signed_in(visit)
    return visit.come_back(attempt, before, after)


def dead_grant(visit: Visit) -> HttpResponse:
    """Have the tenant end the refresh token that connecting needs."""
    _, person = _signed_in(visit)
    visit.tenant.revoke_refresh_tokens(person.sub)
    return visit.go(visit.connect(GOOGLE).url)


def no_grant(visit: Visit) -> HttpResponse:
    """Sign in without `offline_access`, and then connect."""
    _signed_in(visit, scope="openid profile email")
    return visit.go(visit.connect(GOOGLE).url)


def narrowed(visit: Visit) -> HttpResponse:
    """Connect while the application's refresh tokens may only read connected accounts."""
    _signed_in(visit)
    client = visit.tenant.clients[conf.tenant("default").client_id]
    before = client.refresh_policies
    client.refresh_policies = {visit.tenant.my_account_audience: ("read:me:connected_accounts",)}
    try:
        return visit.go(visit.connect(GOOGLE).url)
    finally:
        client.refresh_policies = before


def unknown_connection(visit: Visit) -> HttpResponse:
    """Connect at a connection that the tenant does not have."""
    _signed_in(visit)
    return visit.go(visit.connect("carrier-pigeon").url)


def busy(visit: Visit) -> HttpResponse:
    """Connect while the My Account API answers 429."""
    _signed_in(visit)
    fault = visit.tenant.faults.add(_CONNECT, "rate_limit", times=None)
    try:
        return visit.go(visit.connect(GITHUB).url)
    finally:
        visit.tenant.faults.remove(fault)


CONNECTING: Final = Group(
    "Connecting an account",
    "You are signed in as a passer-by, and connect a Google account. A robot chooses it for you.",
    (
        Scenario(
            slug="connect-declined",
            title="Decline to connect",
            what="At Google you decide not to let this site use your account.",
            codes=("provider_declined",),
            begin=declined,
        ),
        Scenario(
            slug="connect-lost",
            title="The answer is lost",
            what="The account is connected, and the connection breaks before the answer is here. The code "
            "works once only, so the list of accounts is read instead.",
            begin=_when_completing("lost_answer"),
            ends="connected",
            log_codes=("provider_answer_lost",),
            afterwards="The account was connected once. Look for the line with the retry: it asked the "
            "provider what had become of the first try.",
        ),
        Scenario(
            slug="connect-other-user",
            title="Another user is signed in",
            what="Between the start and the answer another user signs in in your browser. They must not get "
            "your Google account.",
            codes=("user_changed",),
            begin=another_user,
        ),
        Scenario(
            slug="connect-session-over",
            title="The connect session is over",
            what="You come back, and the tenant does not know the request any more.",
            codes=("connect_session_over",),
            begin=_when_completing("answer", status=400, json=_SESSION_OVER),
        ),
        Scenario(
            slug="connect-unidentified",
            title="An account that cannot be identified",
            what="You connect a LinkedIn account, and this site does not know how to ask LinkedIn whose it "
            "is. It is connected, and it is no evidence for linking.",
            begin=unidentified,
            ends="connected",
            log_codes=("account_unidentified",),
            afterwards="The account is connected. It proves nothing later, because its owner is unknown.",
        ),
        Scenario(
            slug="connect-dead-grant",
            title="The access has ended",
            what="The tenant has revoked your refresh token. Only signing in again gives you another one.",
            codes=("grant_dead",),
            begin=dead_grant,
        ),
        Scenario(
            slug="connect-no-grant",
            title="There is no refresh token",
            what="You signed in without offline_access, so there is nothing to ask for a token with.",
            codes=("grant_missing",),
            begin=no_grant,
        ),
        Scenario(
            slug="connect-narrowed",
            title="A scope is missing",
            what="The application's policy does not allow to connect accounts. The tenant says nothing, and "
            "gives a smaller token.",
            codes=("scope_not_granted",),
            begin=narrowed,
        ),
        Scenario(
            slug="connect-unknown",
            title="There is no such connection",
            what="The form asks for “carrier-pigeon”, which the tenant does not have.",
            codes=("connection_unknown",),
            begin=unknown_connection,
        ),
        Scenario(
            slug="connect-busy",
            title="The My Account API is busy",
            what="It answers 429 before anything was asked of you.",
            codes=("rate_limited",),
            begin=busy,
        ),
    ),
)
