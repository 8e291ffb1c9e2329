"""Connected and linked accounts: the page of a project that lets people look after their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from stateful_oauth.django.actions import tokens
from stateful_oauth.django.actions.starting import start_connect
from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages.failures import failure
from stateful_oauth.django.pages.link_page import connection_title
from stateful_oauth.django.sessions import accounts
from stateful_oauth.django.sessions.sign_ins import session_details
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.models import Grant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.http import HttpRequest, HttpResponse

    from stateful_oauth.django.pages.failures import Failure
    from stateful_oauth.storage.models import ConnectedAccount

# Consent comes step by step: a sign-in asks for next to nothing, connecting for what `CONNECTIONS` says, and
# a feature for what it needs when you use it.
MORE: Final = {
    "google-oauth2": ("https://www.googleapis.com/auth/calendar.readonly", "Read the calendar, too"),
    "github": ("repo", "Read repositories, too"),
}
RULES: Final = {
    "connected_account": "you had connected it",
    "verified_email": "the same verified email",
    "confirmation": "you showed that it is yours",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A connected account, as it is shown."""

    row: ConnectedAccount
    title: str
    more: str
    has_more: bool


def _button_of_the_page(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Send who comes without a form to the page: a sign-in lay between pressing the button and this."""

    @wraps(view)
    def pressed(request: HttpRequest) -> HttpResponse:
        return view(request) if request.method == "POST" else redirect("demo:accounts")

    return pressed


@never_cache
@login_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the user's accounts, and what else can be connected."""
    connections, trouble = _available(request)
    details = session_details(request)
    context = {
        "connected": [_shown(row) for row in accounts.connected_accounts(request)],
        "linked": [
            {"row": row, "title": connection_title(row.connection), "rule": RULES.get(row.rule, row.rule)}
            for row in accounts.linked_accounts(request)
        ],
        "connections": connections,
        "trouble": trouble,
        "grant": Grant.objects.filter(pk=details["grant"]).first() if "grant" in details else None,
        "details": details,
        "here": reverse("demo:accounts"),
    }
    return render(request, "demo/accounts.html", context)


@never_cache
@login_required
@_button_of_the_page
def compare(request: HttpRequest) -> HttpResponse:
    """Compare with the provider's list: the user may have disconnected an account elsewhere."""
    try:
        found = accounts.refresh_connected_accounts(request)
    except FlowError as error:
        _say(request, error)
    else:
        messages.success(request, f"Compared: {len(found)} connected.")
    return redirect("demo:accounts")


@never_cache
@login_required
@_button_of_the_page
def connect_more(request: HttpRequest) -> HttpResponse:
    """Connect an account again with a scope more. Settings cannot say when: so this is a view of its own."""
    connection = request.POST.get("connection", "")
    if connection not in MORE:
        raise Http404
    scope, _ = MORE[connection]
    return start_connect(request, connection, scopes=[scope])


@never_cache
@login_required
@_button_of_the_page
def token(request: HttpRequest) -> HttpResponse:
    """Ask for an access token of the identity provider, and say what it is good for; never what it is."""
    account = accounts.own_connected_account(request, request.POST.get("account", ""))
    if account is None:
        raise Http404
    try:
        found = tokens.provider_token(
            request, account.connection, login_hint=account.provider_user_id or None
        )
    except FlowError as error:
        _say(request, error)
    else:
        title = connection_title(account.connection)
        span = f" until {found.expires_at:%H:%M} UTC" if found.expires_at else ""
        messages.success(request, f"Token Vault gave a token of {title}, good{span}. It is not shown.")
    return redirect("demo:accounts")


def _available(request: HttpRequest) -> tuple[Sequence[dict[str, Any]], Failure | None]:
    try:
        found = accounts.available_connections(request)
    except FlowError as error:
        return (), failure(error.code, "connect_account", {}, "default")
    return [
        {
            "name": each.name,
            "title": connection_title(each.name),
            "scopes": conf.tenant("default").connections.get(each.name, {}).get("scopes", each.scopes),
        }
        for each in found
    ], None


def _shown(row: ConnectedAccount) -> Shown:
    scope, label = MORE.get(row.connection, ("", ""))
    return Shown(row, connection_title(row.connection), label, has_more=scope in row.scopes)


def _say(request: HttpRequest, error: FlowError) -> None:
    messages.error(request, f"{ERROR_CODES[error.code].user} ({error.code})")
