"""Sign-in: where it starts. Its callback is the common one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.urls import path
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods
from stateful_oauth.django import wiring
from stateful_oauth.django.callers import BrowserCaller
from stateful_oauth.django.conf import DEFAULT_TENANT, TenantSettings, conf
from stateful_oauth.django.next_url import requested_next
from stateful_oauth.django.pages import flow_page
from stateful_oauth.django.responses import respond
from stateful_oauth.django.views.callbacks import (
    callback_url,
    tenant_or_404,
)
from stateful_oauth.flows.account_linking.proposal import linking_inputs

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

KIND = "login"
_AGE = re.compile(r"[0-9]{1,9}")
_LONGEST_PARAMETER = 512  # characters; an invitation has 32


@csrf_exempt  # for the middleware: its refusal would lack our headers; `csrf_protect` refuses inside
@flow_page
@require_http_methods(["GET", "POST"])
@csrf_protect
def login(request: HttpRequest, tenant: str = DEFAULT_TENANT) -> HttpResponse:
    """Start a sign-in and send the browser to the provider. Takes `next`, like Django's own login view."""
    chosen = tenant_or_404(tenant)
    caller = BrowserCaller(request, bind=True)
    outcome = wiring.engine().start(KIND, login_inputs(request, chosen), caller, tenant=tenant)
    return respond(outcome, request)


def login_inputs(request: HttpRequest, tenant: TenantSettings) -> dict[str, Any]:
    """Return what a sign-in is started with: settings, `next`, and nothing else of the request by default.

    `REQUEST_PARAMETERS` names what the request may add, for example `invitation` and `organization`.
    """
    parameters = dict(tenant.authorization_parameters)
    for name in tenant.request_parameters:
        value = request.GET.get(name, "")
        if _may_be_asked(name, value):
            parameters[name] = value
    inputs = {
        "redirect_uri": callback_url(tenant.alias),
        "scope": tenant.scope,
        "parameters": parameters,
        "next": requested_next(request),
    }
    if tenant.linking != "off":
        inputs["linking"] = linking_inputs(
            mode=tenant.linking,
            redirect_uri=callback_url(tenant.alias, "link_callback"),
            trusted=tuple(tenant.linking_trusted_connections),
            app_metadata=tuple(tenant.linking_app_metadata_keys),
            tries=tenant.linking_tries,
            held_for=conf.held_sign_in_lifetime,
        )
    return inputs


def _may_be_asked(name: str, value: str) -> bool:
    """Whether a visitor's value can mean anything: what cannot is left out, and is no error of the site."""
    if name == "max_age":
        return _AGE.fullmatch(value) is not None
    return 0 < len(value) <= _LONGEST_PARAMETER and value.isprintable()


urlpatterns = [
    path("login/", login, name="login"),
    path("<slug:tenant>/login/", login, name="login"),
]
