"""Linking accounts: the page that asks, and what the user answers. Its callback is the common one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import path
from django.views.decorators.http import require_GET

from stateful_oauth.django.actions.callers import BrowserCaller
from stateful_oauth.django.actions.completing import followed, send_event
from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages.flow_pages import flow_view
from stateful_oauth.django.pages.form_protection import form_view
from stateful_oauth.django.pages.link_page import link_page
from stateful_oauth.django.pages.responses import respond
from stateful_oauth.flows.engine.outcomes import RedirectTo
from stateful_oauth.flows.oauth.outcomes import ConfirmationNeeded
from stateful_oauth.storage.store import last_detail, started_by

if TYPE_CHECKING:
    import uuid

    from django.http import HttpRequest, HttpResponse

    from stateful_oauth.flows.engine.outcomes import Outcome

KIND = "account_linking"


@flow_view
@require_GET  # not HEAD, which must not move anything
def page(request: HttpRequest, transaction_id: uuid.UUID) -> HttpResponse:
    """Ask whether accounts are to be linked; or say what became of it, when that is over."""
    outcome = followed(request, transaction_id)
    if isinstance(outcome, (ConfirmationNeeded, RedirectTo)):
        # A user who comes back from the provider by the back button may go there again, or choose anew.
        return link_page(request, outcome, description=_description(request, outcome))
    return respond(outcome, request)


@form_view("POST")
def confirm(request: HttpRequest, transaction_id: uuid.UUID) -> HttpResponse:
    """Send the browser to prove that the other account is the same person's."""
    return send_event(request, transaction_id, "confirm", request.POST.get("account", ""), kind=KIND)


@form_view("POST")
def cancel(request: HttpRequest, transaction_id: uuid.UUID) -> HttpResponse:
    """Keep the accounts apart, and finish the sign-in with the one that the user came with."""
    return send_event(request, transaction_id, "cancel", kind=KIND, code="kept_apart")


def _description(request: HttpRequest, outcome: Outcome) -> str:
    """Return what the provider said when the user came back from there, if the site shows it."""
    if not conf.show_untrusted_error_description or not outcome.code or outcome.transaction_id is None:
        return ""
    row = started_by(BrowserCaller(request).browsers, outcome.transaction_id)
    return "" if row is None else last_detail(row)


urlpatterns = [
    path("link/<uuid:transaction_id>/", page, name="link"),
    path("link/<uuid:transaction_id>/confirm/", confirm, name="link_confirm"),
    path("link/<uuid:transaction_id>/cancel/", cancel, name="link_cancel"),
]
