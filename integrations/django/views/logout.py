"""Sign-out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from stateful_oauth.django.pages import flow_view
from stateful_oauth.django.signing_out import sign_out

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@csrf_exempt  # for the middleware: its refusal would lack our headers; `csrf_protect` refuses inside
@flow_view
@require_POST
@csrf_protect
def logout(request: HttpRequest) -> HttpResponse:
    """End the session here, and at the provider."""
    return sign_out(request)
