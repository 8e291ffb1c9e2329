"""Sign-in: where it starts. Its callback is the common one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path

from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.form_protection import form_view
from stateful_oauth.django.start_requests import starts
from stateful_oauth.django.starting import start_login

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@starts("login", is_view=True)
@form_view("GET", "POST")
def login(request: HttpRequest, tenant: str = DEFAULT_TENANT) -> HttpResponse:
    """Start a sign-in and send the browser to the provider. Takes `next`, like Django's own login view."""
    return start_login(request, tenant=tenant)


urlpatterns = [
    path("login/", login, name="login"),
    path("<slug:tenant>/login/", login, name="login"),
]
