"""Connecting an account: where it starts. Its callback is the common one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path

from stateful_oauth.django.actions.restarting import earlier_connect
from stateful_oauth.django.actions.starting import start_connect
from stateful_oauth.django.pages.form_protection import form_view

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@form_view("POST")
def connect(request: HttpRequest) -> HttpResponse:
    """Start to connect an account of the `connection` that the form names; takes `next`.

    `CONNECTIONS` is the list of those that a form may name: any other one is `connection_unknown` (400).
    """
    return start_connect(request, request.POST.get("connection", ""), **earlier_connect(request))


urlpatterns = [path("connect/", connect, name="connect")]
