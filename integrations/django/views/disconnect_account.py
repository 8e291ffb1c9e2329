"""Disconnecting an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path

from stateful_oauth.django.actions.starting import start_disconnect
from stateful_oauth.django.pages.form_protection import form_view

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@form_view("POST")
def disconnect(request: HttpRequest) -> HttpResponse:
    """Disconnect the `account` (`cac_…`) that the form names, if it is the user's own; takes `next`."""
    return start_disconnect(request, request.POST.get("account", ""))


urlpatterns = [path("disconnect/", disconnect, name="disconnect")]
