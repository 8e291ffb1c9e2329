"""Sign-in: where it starts. Its callback is the common one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.pages import flow_view
from stateful_oauth.django.start_requests import starts
from stateful_oauth.django.starting import start_login

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@csrf_exempt  # for the middleware: its refusal would lack our headers; `csrf_protect` refuses inside
@starts("login", is_view=True)
@flow_view
@require_http_methods(["GET", "POST"])
@csrf_protect
def login(request: HttpRequest, tenant: str = DEFAULT_TENANT) -> HttpResponse:
    """Start a sign-in and send the browser to the provider. Takes `next`, like Django's own login view."""
    return start_login(request, tenant=tenant)


urlpatterns = [
    path("login/", login, name="login"),
    path("<slug:tenant>/login/", login, name="login"),
]
