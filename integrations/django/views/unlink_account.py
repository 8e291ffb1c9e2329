"""Unlinking an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from stateful_oauth.django.pages import flow_view
from stateful_oauth.django.starting import start_unlink

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@csrf_exempt  # for the middleware: its refusal would lack our headers; `csrf_protect` refuses inside
@flow_view
@require_POST
@csrf_protect
def unlink(request: HttpRequest) -> HttpResponse:
    """Unlink the account whose `link` (a number) the form names, if it is the user's own; takes `next`.

    The account that was there first is no link and cannot be taken out: the last way in stays.
    """
    return start_unlink(request, request.POST.get("link", ""))


urlpatterns = [path("unlink/", unlink, name="unlink")]
