"""Sign-in: where it starts. Its callback is the common one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path

from stateful_oauth.django.actions.callbacks import tenant_or_404
from stateful_oauth.django.actions.restarting import earlier_login
from stateful_oauth.django.actions.start_requests import starts
from stateful_oauth.django.actions.starting import start_login
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.pages.form_protection import form_view

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@starts("login", is_view=True)
@form_view("GET", "POST")
def login(request: HttpRequest, tenant: str = DEFAULT_TENANT) -> HttpResponse:
    """Start a sign-in and send the browser to the provider. Takes `next`, like Django's own login view.

    The forms of error pages add `attempt`, which starts that attempt again, and `account=another`, which has
    the provider ask for another account.
    """
    return start_login(request, tenant=tenant, **earlier_login(request, tenant_or_404(tenant)))


urlpatterns = [
    path("login/", login, name="login"),
    path("<slug:tenant>/login/", login, name="login"),
]
