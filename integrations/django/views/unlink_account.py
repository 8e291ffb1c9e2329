"""Unlinking an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404
from django.urls import path
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST
from stateful_oauth.django import wiring
from stateful_oauth.django.accounts import own_link
from stateful_oauth.django.callers import BrowserCaller
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.next_url import requested_next
from stateful_oauth.django.pages import flow_page, sign_in_needed
from stateful_oauth.django.responses import respond
from stateful_oauth.django.sessions import session_details

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

KIND = "unlink_account"


@csrf_exempt  # for the middleware: its refusal would lack our headers; `csrf_protect` refuses inside
@flow_page
@require_POST
@csrf_protect
def unlink(request: HttpRequest) -> HttpResponse:
    """Unlink the account whose `link` (a number) the form names, if it is the user's own; takes `next`.

    The account that was there first is no link and cannot be taken out: nobody loses the last way in.
    """
    if refused := sign_in_needed(request):
        return refused
    link = own_link(request, request.POST.get("link", ""))
    if link is None:
        raise Http404
    caller = BrowserCaller(request, bind=True)
    inputs = {
        "primary": link.primary_subject,
        "secondary": link.secondary_subject,
        "connection": link.connection,
        "provider": link.provider,
        "provider_user_id": link.provider_user_id,
        "next": requested_next(request),
    }
    tenant = session_details(request).get("tenant", DEFAULT_TENANT)
    return respond(wiring.engine().start(KIND, inputs, caller, tenant=tenant), request)


urlpatterns = [path("unlink/", unlink, name="unlink")]
