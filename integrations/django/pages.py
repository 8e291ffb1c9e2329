"""What every page of the package has in common: headers, transactions, prefetches, and error pages."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext

from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.flows.errors import StoreUnavailable

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "form-action *; base-uri 'none'; frame-ancestors 'none'"
    ),
}
# How browsers say that they only guess; as request headers, and as WSGI names them.
_VARY: Final = ("Cookie", "Sec-Purpose", "Purpose", "X-Moz")
_PURPOSES: Final = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_MOZ")


class SeeOther(HttpResponseRedirect):
    """303: the browser asks for the next page with GET, and the address before it leaves the history."""

    status_code = 303


def flow_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorate a view of the package.

    Not in a surrounding database transaction, because the engine commits before it calls the provider; open
    to `LoginRequiredMiddleware`; with the headers of an authorization endpoint's client (RFC 9700 §4.2,
    §4.16) even where the project lacks the middleware; and with an answer for a database that is gone.
    """

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_prefetch(request):
            # A prefetched login would claim a transaction that nobody asked for (checklist S5).
            response = HttpResponse(status=204)
        else:
            try:
                response = view(request, *args, **kwargs)
            except StoreUnavailable as error:
                _forget_session(request)
                response = error_page(request, error.code)
        for name, value in _HEADERS.items():
            response.headers[name] = value
        patch_vary_headers(response, _VARY)
        return response

    decorated: Callable[..., HttpResponse] = transaction.non_atomic_requests(login_not_required(page))
    return decorated


def is_prefetch(request: HttpRequest) -> bool:
    """Whether the browser only guesses that the user may want this page."""
    purpose = " ".join([request.META[name] for name in _PURPOSES if name in request.META]).lower()
    return "prefetch" in purpose or "prerender" in purpose


def error_page(
    request: HttpRequest,
    code: str,
    *,
    next_url: str = "",
    reference: uuid.UUID | None = None,
    tenant: str = "",
) -> HttpResponse:
    """Render the page of an error code, with its HTTP status and a way to start over.

    Args:
        reference: The transaction, for the user to tell support and for support to find.
    """
    known = ERROR_CODES.get(code, ERROR_CODES["internal_error"])
    context = {
        "code": code,
        "message": gettext(known.user),
        "next_url": next_url,
        "reference": reference,
        "tenant": tenant,
    }
    return TemplateResponse(request, "stateful_oauth/error.html", context, status=known.status).render()


def _forget_session(request: HttpRequest) -> None:
    """Drop what a sign-in wrote into the session object before its database transaction was lost."""
    session = getattr(request, "session", None)
    if session is not None and session.modified:
        request.session = type(session)(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
