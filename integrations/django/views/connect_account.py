"""Connecting an account: where it starts. Its callback is the common one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import path
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST
from stateful_oauth.django import wiring
from stateful_oauth.django.callers import BrowserCaller
from stateful_oauth.django.conf import DEFAULT_TENANT, TenantSettings
from stateful_oauth.django.next_url import requested_next
from stateful_oauth.django.pages import flow_page, sign_in_needed
from stateful_oauth.django.responses import respond
from stateful_oauth.django.sessions import session_details
from stateful_oauth.django.views.callbacks import (
    callback_url,
    tenant_or_404,
)
from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.flows.engine.outcomes import Outcome, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest, HttpResponse

KIND = "connect_account"


@csrf_exempt  # for the middleware: its refusal would lack our headers; `csrf_protect` refuses inside
@flow_page
@require_POST
@csrf_protect
def connect(request: HttpRequest) -> HttpResponse:
    """Start to connect an account of the `connection` that the form names; takes `next`.

    `CONNECTIONS` is the list of those that a form may name: any other one is `connection_unknown` (400).
    """
    if refused := sign_in_needed(request):
        return refused
    tenant = tenant_or_404(session_details(request).get("tenant", DEFAULT_TENANT))
    connection = request.POST.get("connection", "")
    if not tenant.may_connect(connection):
        return respond(Rejected(kind=KIND, tenant=tenant.alias, code="connection_unknown"), request)
    caller = BrowserCaller(request, bind=True)
    inputs = connect_inputs(request, tenant, connection)
    return respond(_start(inputs, caller, tenant.alias), request)


def _start(inputs: dict[str, Any], caller: BrowserCaller, tenant: str) -> Outcome:
    try:
        return wiring.engine().start(KIND, inputs, caller, tenant=tenant)
    except InvalidInput as error:
        if error.code != "connection_unknown":
            raise  # a mistake of the project; this one is the visitor's
        return Rejected(kind=KIND, tenant=tenant, code=error.code)


def connect_inputs(
    request: HttpRequest,
    tenant: TenantSettings,
    connection: str,
    *,
    scopes: Iterable[str] = (),
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what connecting is started with.

    Scopes and parameters are those of `CONNECTIONS` for this connection, and those of the call; never the
    form's, because a page that somebody else wrote could ask for anything. For the same reason `CONNECTIONS`
    does not limit the connection here: a view names it itself, or asks `tenant.may_connect` about a form's.

    Args:
        connection: The connection's name; any that the application has.
        scopes: For the identity provider, beside the settings' own.
        parameters: `authorization_params`, over the settings' own.
    """
    chosen = tenant.connections.get(connection, {})
    details = session_details(request)
    return {
        "connection": connection,
        "redirect_uri": callback_url(tenant.alias, "connect_callback"),
        "scopes": [*chosen.get("scopes", ()), *scopes],
        "parameters": {**chosen.get("parameters", {}), **(parameters or {})},
        "subject": details.get("sub"),
        "grant": details.get("grant"),
        "next": requested_next(request),
    }


urlpatterns = [path("connect/", connect, name="connect")]
