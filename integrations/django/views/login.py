"""Sign-in: where it starts, and where the provider sends the browser back to."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import Http404, QueryDict
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from stateful_oauth.flows.authorization_response import AuthorizationResponse
from stateful_oauth.flows.effects import Event
from stateful_oauth.flows.errors import FlowError
from stateful_oauth.flows.identifiers import transaction_id_of
from stateful_oauth.flows.outcomes import Outcome, Rejected
from stateful_oauth.integrations.django import wiring
from stateful_oauth.integrations.django.browser import send_binding
from stateful_oauth.integrations.django.callers import BrowserCaller
from stateful_oauth.integrations.django.conf import DEFAULT_TENANT, TenantSettings, conf
from stateful_oauth.integrations.django.next_url import requested_next
from stateful_oauth.integrations.django.pages import flow_page
from stateful_oauth.integrations.django.responses import respond

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
    response = respond(outcome, request)
    if caller.binding is not None:
        send_binding(response, caller.binding)
    return response


@csrf_exempt  # it takes no POST, and says so itself: with headers that suit an address which may hold a code
@flow_page
@require_http_methods(["GET"])
def callback(request: HttpRequest, tenant: str = DEFAULT_TENANT) -> HttpResponse:
    """Take the provider's answer. Renders nothing: the address holds the code (RFC 9700 §4.2)."""
    tenant_or_404(tenant)
    return respond(_dispatch(request, tenant), request)


@sensitive_variables("parameters", "response")
def _dispatch(request: HttpRequest, tenant: str) -> Outcome:
    parameters = _taken_out(request)
    try:
        response = AuthorizationResponse.parse(parameters.lists())
    except FlowError as error:
        return Rejected(kind=KIND, tenant=tenant, code=error.code)
    transaction_id = transaction_id_of(response.state)
    if transaction_id is None:
        return Rejected(kind=KIND, tenant=tenant, code="transaction_unknown")
    return wiring.engine().dispatch(
        transaction_id,
        Event("callback", response),
        BrowserCaller(request),
        kind=KIND,
        tenant=tenant,
        state=response.state,
    )


def _taken_out(request: HttpRequest) -> QueryDict:
    """Return the query, and leave none of it in the request: an error report shows the whole request."""
    parameters: QueryDict = request.GET
    request.GET = QueryDict()
    for name in ("QUERY_STRING", "REQUEST_URI", "RAW_URI"):
        if name in request.META:
            request.META[name] = ""
    return parameters


def login_inputs(request: HttpRequest, tenant: TenantSettings) -> dict[str, Any]:
    """Return what a sign-in is started with: settings, `next`, and nothing else of the request by default.

    `REQUEST_PARAMETERS` names what the request may add, for example `invitation` and `organization`.
    """
    parameters = dict(tenant.authorization_parameters)
    for name in tenant.request_parameters:
        value = request.GET.get(name, "")
        if _may_be_asked(name, value):
            parameters[name] = value
    return {
        "redirect_uri": callback_url(tenant.alias),
        "scope": tenant.scope,
        "parameters": parameters,
        "next": requested_next(request),
    }


def _may_be_asked(name: str, value: str) -> bool:
    """Whether a visitor's value can mean anything: what cannot is left out, and is no error of the site."""
    if name == "max_age":
        return _AGE.fullmatch(value) is not None
    return 0 < len(value) <= _LONGEST_PARAMETER and value.isprintable()


def callback_url(tenant: str) -> str:
    """Return the `redirect_uri`: from `BASE_URL`, never from the request's Host header (checklist S10)."""
    where = (get_urlconf(settings.ROOT_URLCONF), get_script_prefix(), get_language())
    return conf.base_url + _callback_path(tenant, where)


@lru_cache(maxsize=256)
def _callback_path(tenant: str, where: tuple[object, ...]) -> str:
    del where  # all that `reverse` depends on, so that a path is kept for each
    kwargs = {} if tenant == DEFAULT_TENANT else {"tenant": tenant}
    return reverse("stateful_oauth:callback", kwargs=kwargs)


def tenant_or_404(alias: str) -> TenantSettings:
    """Return the tenant's settings.

    Raises:
        Http404: There is no such tenant.
    """
    try:
        return conf.tenant(alias)
    except KeyError:
        raise Http404 from None
