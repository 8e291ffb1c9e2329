"""Disconnecting an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from django.urls import path
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST
from stateful_oauth.django import wiring
from stateful_oauth.django.accounts import own_connected_account
from stateful_oauth.django.callers import BrowserCaller
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.next_url import requested_next
from stateful_oauth.django.pages import flow_page, sign_in_needed
from stateful_oauth.django.responses import respond
from stateful_oauth.django.sessions import session_details

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

KIND = "disconnect_account"


@csrf_exempt  # for the middleware: its refusal would lack our headers; `csrf_protect` refuses inside
@flow_page
@require_POST
@csrf_protect
def disconnect(request: HttpRequest) -> HttpResponse:
    """Disconnect the `account` (`cac_…`) that the form names, if it is the user's own; takes `next`."""
    if refused := sign_in_needed(request):
        return refused
    account = own_connected_account(request, request.POST.get("account", ""))
    if account is None:
        raise Http404
    details = session_details(request)
    caller = BrowserCaller(request, bind=True)
    inputs = {
        "account": account.remote_id,
        "connection": account.connection,
        "subject": details.get("sub"),
        "grant": details.get("grant"),
        "next": requested_next(request),
    }
    outcome = wiring.engine().start(KIND, inputs, caller, tenant=details.get("tenant", DEFAULT_TENANT))
    return respond(outcome, request)


urlpatterns = [path("disconnect/", disconnect, name="disconnect")]
