"""Disconnecting an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from stateful_oauth.django.pages import flow_view
from stateful_oauth.django.starting import start_disconnect

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@csrf_exempt  # for the middleware: its refusal would lack our headers; `csrf_protect` refuses inside
@flow_view
@require_POST
@csrf_protect
def disconnect(request: HttpRequest) -> HttpResponse:
    """Disconnect the `account` (`cac_…`) that the form names, if it is the user's own; takes `next`."""
    return start_disconnect(request, request.POST.get("account", ""))


urlpatterns = [path("disconnect/", disconnect, name="disconnect")]
