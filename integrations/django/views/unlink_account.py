"""Unlinking an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path

from stateful_oauth.django.actions.starting import start_unlink
from stateful_oauth.django.pages.form_protection import form_view

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@form_view("POST")
def unlink(request: HttpRequest) -> HttpResponse:
    """Unlink the account whose `link` (a number) the form names, if it is the user's own; takes `next`.

    The account that was there first is no link and cannot be taken out: the last way in stays.
    """
    return start_unlink(request, request.POST.get("link", ""))


urlpatterns = [path("unlink/", unlink, name="unlink")]
