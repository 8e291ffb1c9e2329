"""Sign-out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse
from django.views.decorators.http import require_safe

from stateful_oauth.django.actions.logout_states import home_after
from stateful_oauth.django.actions.signing_out import sign_out
from stateful_oauth.django.pages.flow_pages import SeeOther, flow_view
from stateful_oauth.django.pages.form_protection import form_view

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@form_view("POST", signs_out=True)
def logout(request: HttpRequest) -> HttpResponse:
    """End the session here, and at the provider.

    Takes `next`, the `tenant` to sign out at, and `everywhere=1` to end the user's other sessions, too.
    """
    everywhere = request.POST.get("everywhere") == "1"
    return sign_out(request, tenant=request.POST.get("tenant", ""), everywhere=everywhere)


@flow_view
@require_safe
def signed_out(request: HttpRequest) -> HttpResponse:
    """Take the browser back from the provider's sign-out; the user is signed out here already."""
    return home_after(request) or SeeOther(reverse("stateful_oauth:error", args=["logout_state_invalid"]))
