"""What the callbacks of all flows have in common: where the provider sends the browser back to."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils.translation import get_language
from django.views.decorators.debug import sensitive_variables
from stateful_oauth.django import wiring
from stateful_oauth.django.callers import BrowserCaller
from stateful_oauth.django.conf import DEFAULT_TENANT, TenantSettings, conf
from stateful_oauth.django.responses import respond
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.identifiers import transaction_id_of
from stateful_oauth.flows.engine.outcomes import Outcome, Rejected
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse

if TYPE_CHECKING:
    from collections.abc import Mapping


def answer_callback(
    request: HttpRequest, kind: str, tenant: str, *, code_parameter: str = "code"
) -> HttpResponse:
    """Take the provider's answer. Renders nothing: the address holds the code (RFC 9700 §4.2)."""
    return respond(callback_outcome(request, kind, tenant, code_parameter=code_parameter), request)


@sensitive_variables("parameters", "response")
def callback_outcome(
    request: HttpRequest, kind: str, tenant: str, *, code_parameter: str = "code"
) -> Outcome:
    """Send the provider's answer to its transaction.

    Raises:
        Http404: There is no such tenant.
    """
    tenant_or_404(tenant)
    parameters = _taken_out(request)
    try:
        response = AuthorizationResponse.parse(parameters.lists(), code_parameter=code_parameter)
    except FlowError as error:
        return Rejected(kind=kind, tenant=tenant, code=error.code)
    transaction_id = transaction_id_of(response.state)
    if transaction_id is None:
        return Rejected(kind=kind, tenant=tenant, code="transaction_unknown")
    return wiring.engine().dispatch(
        transaction_id,
        Event("callback", response),
        BrowserCaller(request),
        kind=kind,
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


def callback_url(tenant: str, name: str = "callback") -> str:
    """Return a `redirect_uri`, which comes from `BASE_URL` (docs/security-checklist.md S10).

    Args:
        name: Of the address; each flow has its own (RFC 9700 §4.4).
    """
    where = (get_urlconf(settings.ROOT_URLCONF), get_script_prefix(), get_language())
    return conf.base_url + _callback_path(tenant, name, where)


@lru_cache(maxsize=256)
def _callback_path(tenant: str, name: str, where: tuple[object, ...]) -> str:
    del where  # all that `reverse` depends on, so that a path is kept for each
    kwargs: Mapping[str, str] = {} if tenant == DEFAULT_TENANT else {"tenant": tenant}
    return reverse(f"stateful_oauth:{name}", kwargs=dict(kwargs))


def tenant_or_404(alias: str) -> TenantSettings:
    """Return the tenant's settings.

    Raises:
        Http404: There is no such tenant.
    """
    try:
        return conf.tenant(alias)
    except KeyError:
        raise Http404 from None
