"""Which requests may start a flow: navigations, at a host that the browser comes back to."""

from __future__ import annotations

import json
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar, cast

from django.http import HttpResponse
from django.urls import reverse
from django.utils.encoding import escape_uri_path
from django.utils.http import escape_leading_slashes

from stateful_oauth.django.conf import conf
from stateful_oauth.django.navigation import is_background, is_prefetch
from stateful_oauth.django.next_url import may_go_to, requested_next
from stateful_oauth.django.pages import FlowResponse, with_headers
from stateful_oauth.flows.error_codes import ERROR_CODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer", bound=HttpResponse)

_CODE: Final = "navigation_needed"


def starts(
    kind: str = "", *, is_view: bool = False
) -> Callable[
    [Callable[Concatenate[HttpRequest, Arguments], Answer]],
    Callable[Concatenate[HttpRequest, Arguments], Answer],
]:
    """Decorate a function that starts a flow: other requests are answered without asking it.

    A request that is no navigation gets 401: no row, no cookie, no session. The user did not ask for the
    flow, and the script behind the request could not follow the way to the provider.

    Args:
        kind: The flow's kind; without it, the function's first argument after the request.
        is_view: Whether it is a view, which says itself what methods it takes.
    """

    def decorate(
        function: Callable[Concatenate[HttpRequest, Arguments], Answer],
    ) -> Callable[Concatenate[HttpRequest, Arguments], Answer]:
        @wraps(function)
        def guarded(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
            started = kind or str(kwargs["kind"] if "kind" in kwargs else args[0])
            may_have_method = is_view or request.method in ("GET", "POST")
            if not may_have_method or _is_refused(request, started):
                return cast("Answer", with_headers(request, _navigation_needed(request)))
            return function(request, *args, **kwargs)

        return guarded

    return decorate


def _is_refused(request: HttpRequest, kind: str) -> bool:
    if kind in conf.allow_background_starts_of:
        return is_prefetch(request)  # a user who never asks for the page must not find anything started
    return is_background(request)


def _navigation_needed(request: HttpRequest) -> FlowResponse:
    """Return what scripts read: a code, and the URL to send the browser to, in a header, too.

    Without `WWW-Authenticate`, which makes some browsers ask for a password.
    """
    url = _sign_in_url(request)
    body = {"code": _CODE, "detail": ERROR_CODES[_CODE].meaning, "sign_in_url": url}
    response = FlowResponse(
        json.dumps(body), content_type="application/json", status=ERROR_CODES[_CODE].status
    )
    response.headers["Sign-In-URL"] = url
    if "HTTP_HX_REQUEST" in request.META:
        response.headers["HX-Redirect"] = url  # htmx navigates there, whatever the status is
    return response


def _sign_in_url(request: HttpRequest) -> str:
    """Return the request's own URL, which a navigation can open, or the login URL where that takes a form."""
    query, path, match = request.GET.copy(), request.path, request.resolver_match
    if request.method == "POST" and (match is None or match.view_name != "stateful_oauth:login"):
        query.clear()
        path = reverse("stateful_oauth:login")
    if wanted := _shown_page(request) or requested_next(request):
        query["next"] = wanted
    path = escape_leading_slashes(escape_uri_path(path))  # two slashes begin another host's URL
    return f"{path}?{query.urlencode(safe='/')}" if query else path


def _shown_page(request: HttpRequest) -> str:
    """Return the page that htmx shows, when it asked for a part of it: a part is no page to come back to."""
    page = request.META.get("HTTP_HX_CURRENT_URL", "")
    return page if "HTTP_HX_BOOSTED" not in request.META and may_go_to(page) else ""
