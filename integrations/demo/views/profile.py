"""Who is signed in: the page of a project, behind Django's own `login_required`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from stateful_oauth.django.sessions.sign_ins import session_details
from stateful_oauth.storage.models import FlowTransaction, Grant, Identity

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_SIGNED_IN: Final = ("signed_in", "linked", "kept_apart")


@never_cache
@login_required
@require_safe
def profile(request: HttpRequest) -> HttpResponse:
    """Show what this site knows about the signed-in user."""
    details = session_details(request)
    user: Any = request.user
    context = {
        "details": details,
        "identity": Identity.objects.filter(user_id=user.pk, subject=details.get("sub", "")).first(),
        "grant": Grant.objects.filter(pk=details["grant"]).first() if "grant" in details else None,
        "transaction": _transaction(user.pk, details),
    }
    return render(request, "demo/profile.html", context)


# What both keep as it is: a row seals the claims, and knows nothing of the registry of sessions.
_OF_THE_SIGN_IN: Final = ("sub", "sid", "grant", "auth_time", "organization")


def _transaction(user_id: int, details: dict[str, Any]) -> FlowTransaction | None:
    """Return the transaction that this session came from: the one whose result it is."""
    session = {name: value for name, value in details.items() if name in _OF_THE_SIGN_IN}
    signed_in = FlowTransaction.objects.filter(user_id=user_id, state__in=_SIGNED_IN).order_by("-pk")
    return next((row for row in signed_in[:20] if session.items() <= row.result.items()), None)
