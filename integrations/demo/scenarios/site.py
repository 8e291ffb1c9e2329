"""What happens on the site's side: refused accounts, damaged URLs, operators, deployments."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from django.db import connection
from django.urls import reverse

from stateful_oauth.demo.people import (
    ADA,
    CONNIE,
    IVY,
    OPERATOR_NAME,
    OPERATOR_PASSWORD,
    REX,
)
from stateful_oauth.demo.scenarios.scenario import Action, Group, Scenario
from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import BrowserCaller, OperatorCaller
from stateful_oauth.flows.engine.crash_points import observed
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from django.http import HttpResponse

    from stateful_oauth.demo.people import Person
    from stateful_oauth.demo.scenarios.visit import Visit


def _sign_in_as(person: Person) -> Action:
    return lambda visit: visit.come_back(visit.start().signed_in_as(person))


def _opens(query: str) -> Action:
    return lambda visit: visit.go(reverse("stateful_oauth:callback") + query)


def damaged(visit: Visit) -> HttpResponse:
    """Come back with the code and an error at once."""
    attempt = visit.start().signed_in_as(ADA)
    attempt.callback += "&error=server_error"
    return visit.come_back(attempt)


def forged(visit: Visit) -> HttpResponse:
    """Come back with a state of the right form that was never issued."""
    attempt = visit.start().signed_in_as(ADA)
    state = attempt.asked["state"]
    attempt.callback = attempt.callback.replace(state, state[:-1] + ("A" if state[-1] != "A" else "B"))
    return visit.come_back(attempt)


def _operator(event: str, code: str) -> Action:
    def begin(visit: Visit) -> HttpResponse:
        attempt = visit.start().signed_in_as(ADA)
        operator = OperatorCaller("demo", "to show what it looks like")
        wiring.engine().dispatch(attempt.id, Event(event, code=code), operator, kind="login")
        return visit.come_back(attempt)

    return begin


def newer_release(visit: Visit) -> HttpResponse:
    """Have a newer release, which knows a newer login flow, write the row."""
    attempt = visit.start().signed_in_as(ADA)
    FlowTransaction.objects.filter(pk=attempt.id).update(definition_version=999)
    return visit.come_back(attempt)


class _Killed(BaseException):
    """The worker is gone: no `except Exception` sees it."""


def worker_killed(visit: Visit) -> HttpResponse:
    """Have the worker die when it has committed that it sends the code, and let its lease run out."""
    attempt, worker = visit.start().signed_in_as(ADA), threading.get_ident()
    visit.take(attempt)
    query = urlsplit(attempt.callback).query
    response = AuthorizationResponse.parse([*parse_qs(query).items()])

    def kill(point: str, _step: str) -> None:
        if point == "claim.after_commit" and threading.get_ident() == worker:
            raise _Killed

    with observed(kill), suppress(_Killed):
        caller = BrowserCaller(visit.request)
        event = Event("callback", response)
        wiring.engine().dispatch(attempt.id, event, caller, kind="login", state=response.state)
    visit.demo.clock.advance(60)
    visit.note.remark = (
        f"The worker is dead, and a minute has passed. Open the admin as “{OPERATOR_NAME}” (the password is "
        f"“{OPERATOR_PASSWORD}”): your attempt is under “Stuck transactions”."
    )
    return visit.land()


def database_locked(visit: Visit) -> HttpResponse:
    """Hold SQLite's write lock until the callback has been answered."""
    attempt = visit.start().signed_in_as(ADA)
    visit.take(attempt)
    hog: Any = sqlite3.connect(
        connection.settings_dict["NAME"], isolation_level=None, check_same_thread=False
    )
    hog.execute("BEGIN IMMEDIATE")

    def let_go() -> None:
        hog.execute("ROLLBACK")
        hog.close()

    visit.demo.broken_until(attempt.asked["state"], let_go)
    return visit.go(attempt.callback)


ACCOUNTS: Final = Group(
    "The account",
    "The provider vouches for the person, and this site does not let them in.",
    (
        Scenario(
            slug="inactive",
            title="Inactive account",
            what="Ivy signs in, whose user is inactive at this site. Signing in never activates one.",
            codes=("account_inactive",),
            begin=_sign_in_as(IVY),
        ),
        Scenario(
            slug="refused",
            title="Refused by the backend",
            what="Rex signs in. The site's own backend refuses the domain of his email.",
            codes=("account_refused",),
            begin=_sign_in_as(REX),
        ),
        Scenario(
            slug="conflict",
            title="The user name is taken",
            what="Connie signs in for the first time, and her user name belongs to another user. Accounts "
            "are never linked because they look alike.",
            codes=("account_conflict",),
            begin=_sign_in_as(CONNIE),
        ),
    ),
)

CALLBACK_URLS: Final = Group(
    "Damaged URLs",
    "Callbacks that no provider would send. They find no transaction, so they move nothing.",
    (
        Scenario(
            slug="forged-state",
            title="Forged state",
            what="The state has one wrong letter.",
            codes=("transaction_unknown",),
            begin=forged,
        ),
        Scenario(
            slug="missing-state",
            title="No state",
            what="The callback is opened with nothing at all, as from a bookmark.",
            codes=("state_missing",),
            begin=_opens(""),
        ),
        Scenario(
            slug="repeated",
            title="Two states",
            what="A parameter is there twice.",
            codes=("parameter_repeated",),
            begin=_opens("?state=one&state=two&code=x"),
        ),
        Scenario(
            slug="contradiction",
            title="Code and error",
            what="The callback says yes and no at once.",
            codes=("parameter_invalid",),
            begin=damaged,
        ),
        Scenario(
            slug="incomplete",
            title="Neither code nor error",
            what="The callback says nothing.",
            codes=("response_incomplete",),
            begin=_opens("?state=something"),
        ),
    ),
)

OPERATIONS: Final = Group(
    "Operations",
    "What an operator, a deployment, or the database does while you are at the provider.",
    (
        Scenario(
            slug="cancelled",
            title="An operator cancels it",
            what="While you are at the provider, an operator cancels your attempt.",
            codes=("cancelled_by_operator",),
            begin=_operator("cancel", "cancelled_by_operator"),
        ),
        Scenario(
            slug="abandoned",
            title="An operator gives it up",
            what="While you are at the provider, an operator gives your attempt up.",
            codes=("abandoned",),
            begin=_operator("abandon", "abandoned"),
        ),
        Scenario(
            slug="newer-release",
            title="A newer release wrote it",
            what="Your attempt was started by a release whose login flow this one does not know. It is put "
            "aside and can be finished by the other.",
            codes=("quarantined",),
            begin=newer_release,
        ),
        Scenario(
            slug="worker-killed",
            title="The worker is killed",
            what="The worker dies after it has committed that it sends your code, and before it does. "
            "An operator finds your attempt in the admin.",
            begin=worker_killed,
            afterwards="The attempt is left working, with its code in flight. It is unknown whether it was "
            "sent, so that a retry ends it, and you sign in again.",
            ends="stuck",
        ),
        Scenario(
            slug="database-locked",
            title="The database is locked",
            what="Another process holds the database's write lock when you come back; you wait two seconds.",
            codes=("store_unavailable",),
            begin=database_locked,
        ),
    ),
)
