"""Signing in to Django's admin, and out of it: `stateful_oauth.django.admin_urls`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import Http404
from django.urls import reverse

from stateful_oauth.django.actions.signing_out import sign_out
from stateful_oauth.django.actions.start_requests import starts
from stateful_oauth.django.actions.starting import start_login
from stateful_oauth.django.browser.next_url import requested_next
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.pages.flow_pages import SeeOther
from stateful_oauth.django.pages.form_protection import form_view

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@starts("login", is_view=True)
@form_view("GET", "POST")
def admin_login(request: HttpRequest, site_name: str = "admin", tenant: str = DEFAULT_TENANT) -> HttpResponse:
    """Start a sign-in for the admin. Who may use it goes on to `next`; another user gets a page that says so.

    The admin sends everyone without its permission here, also a user who has just signed in.
    """
    next_url = requested_next(request) or reverse(f"{site_name}:index")
    if _site(site_name).has_permission(request):
        return SeeOther(next_url)
    return start_login(request, next=next_url, tenant=tenant)


@form_view("POST", signs_out=True)
def admin_logout(request: HttpRequest, site_name: str = "admin", tenant: str = "") -> HttpResponse:  # noqa: ARG001 - as the URLs of sign-in
    """End the session here, and at the provider, or the admin's next visitor would be signed in at once."""
    return sign_out(request, tenant=tenant)


def _site(name: str) -> Any:
    from django.contrib.admin.sites import all_sites  # noqa: PLC0415 - only where the project has the admin

    for site in all_sites:
        if site.name == name:
            return site
    raise Http404
