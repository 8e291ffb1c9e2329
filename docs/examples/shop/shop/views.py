"""The shop's pages."""

import uuid

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from shop.gifts import GiftFlow
from stateful_oauth.django import wiring
from stateful_oauth.django.browser import send_binding
from stateful_oauth.django.callers import BrowserCaller
from stateful_oauth.flows.engine.effects import Event


@login_required
def basket(request: HttpRequest) -> HttpResponse:
    """Show whose basket it is."""
    return HttpResponse(f"basket of {request.user}")


@require_POST
@login_required
@transaction.non_atomic_requests
def give(request: HttpRequest) -> HttpResponse:
    """Start a gift."""
    caller = BrowserCaller(request, bind=True)
    outcome = wiring.engine().start(GiftFlow.kind, {"to": request.POST.get("to", "")}, caller)
    response = HttpResponse(str(outcome.transaction_id))
    if caller.binding is not None:
        send_binding(response, caller.binding)
    return response


@require_POST
@login_required
@transaction.non_atomic_requests
def answer(request: HttpRequest, gift: uuid.UUID, event: str) -> HttpResponse:
    """Accept or cancel a gift."""
    outcome = wiring.engine().dispatch(gift, Event(event), BrowserCaller(request), kind=GiftFlow.kind)
    return HttpResponse(type(outcome).__name__)
