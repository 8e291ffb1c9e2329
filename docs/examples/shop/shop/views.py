"""The shop's pages."""

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from shop.gifts import GiftFlow
from stateful_oauth.django import flow_view, send_event, start_flow


@login_required
def basket(request: HttpRequest) -> HttpResponse:
    """Show whose basket it is."""
    return HttpResponse(f"basket of {request.user}")


@flow_view
@require_POST
@login_required
def give(request: HttpRequest) -> HttpResponse:
    """Start a gift."""
    response = start_flow(request, GiftFlow.kind, {"to": request.POST.get("to", "")})
    return HttpResponse(str(response.outcome.transaction_id))


@flow_view
@require_POST
@login_required
def answer(request: HttpRequest, gift: uuid.UUID, event: str) -> HttpResponse:
    """Accept or cancel a gift."""
    response = send_event(request, gift, event, kind=GiftFlow.kind)
    return HttpResponse(type(response.outcome).__name__)
