"""Connecting an account: where it starts. Its callback is the common one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from stateful_oauth.django.pages import flow_view
from stateful_oauth.django.starting import start_connect

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@csrf_exempt  # for the middleware: its refusal would lack our headers; `csrf_protect` refuses inside
@flow_view
@require_POST
@csrf_protect
def connect(request: HttpRequest) -> HttpResponse:
    """Start to connect an account of the `connection` that the form names; takes `next`.

    `CONNECTIONS` is the list of those that a form may name: any other one is `connection_unknown` (400).
    """
    return start_connect(request, request.POST.get("connection", ""))


urlpatterns = [path("connect/", connect, name="connect")]
