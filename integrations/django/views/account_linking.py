"""Linking accounts: the page that asks, what the user answers, and the callback of the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST
from stateful_oauth.django import wiring
from stateful_oauth.django.callers import BrowserCaller
from stateful_oauth.django.conf import DEFAULT_TENANT
from stateful_oauth.django.link_page import link_page
from stateful_oauth.django.pages import SeeOther, flow_page
from stateful_oauth.django.responses import respond
from stateful_oauth.django.views.callbacks import callback_outcome, callback_page
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.outcomes import RedirectTo, Rejected
from stateful_oauth.flows.oauth.outcomes import ConfirmationNeeded
from stateful_oauth.storage.store import started_by

if TYPE_CHECKING:
    import uuid

    from django.http import HttpRequest, HttpResponse
    from stateful_oauth.flows.engine.outcomes import Outcome

KIND = "account_linking"


@flow_page
@require_GET  # not HEAD, which must not move anything
def page(request: HttpRequest, transaction_id: uuid.UUID) -> HttpResponse:
    """Ask whether accounts are to be linked; or say what became of it, when that is over."""
    outcome = wiring.engine().follow(transaction_id, BrowserCaller(request))
    if isinstance(outcome, (ConfirmationNeeded, RedirectTo)):
        # Whoever comes back from the provider by the back button may go there again, or change their mind.
        return link_page(request, outcome)
    return respond(outcome, request)


@csrf_exempt  # for the middleware: its refusal would lack our headers; `csrf_protect` refuses inside
@flow_page
@require_POST
@csrf_protect
def confirm(request: HttpRequest, transaction_id: uuid.UUID) -> HttpResponse:
    """Send the browser to prove that the other account is the same person's."""
    return _answer(request, transaction_id, Event("confirm", request.POST.get("account", "")))


@csrf_exempt  # as above
@flow_page
@require_POST
@csrf_protect
def cancel(request: HttpRequest, transaction_id: uuid.UUID) -> HttpResponse:
    """Keep the accounts apart, and finish the sign-in with the one that the user came with."""
    return _answer(request, transaction_id, Event("cancel", code="kept_apart"))


@callback_page
def callback(request: HttpRequest, tenant: str = DEFAULT_TENANT) -> HttpResponse:
    """Take the provider's answer."""
    return _respond(callback_outcome(request, KIND, tenant), request)


def _answer(request: HttpRequest, transaction_id: uuid.UUID, event: Event) -> HttpResponse:
    caller = BrowserCaller(request)
    row: Any = started_by(caller.browsers, transaction_id) if caller.browsers else None
    tenant = DEFAULT_TENANT if row is None else row.tenant
    outcome = wiring.engine().dispatch(transaction_id, event, caller, kind=KIND, tenant=tenant)
    return _respond(outcome, request)


def _respond(outcome: Outcome, request: HttpRequest) -> HttpResponse:
    if isinstance(outcome, Rejected) and outcome.code in ("event_not_allowed", "candidate_unknown"):
        # Clicked or delivered twice, or an older copy of the page: the page knows how it stands.
        return SeeOther(reverse("stateful_oauth:link", args=[outcome.transaction_id]))
    return respond(outcome, request)


urlpatterns = [
    path("link/<uuid:transaction_id>/", page, name="link"),
    path("link/<uuid:transaction_id>/confirm/", confirm, name="link_confirm"),
    path("link/<uuid:transaction_id>/cancel/", cancel, name="link_cancel"),
]
