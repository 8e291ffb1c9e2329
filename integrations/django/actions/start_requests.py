"""Which requests may start a flow: navigations, at a host that the browser comes back to."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.utils.encoding import escape_uri_path
from django.utils.http import escape_leading_slashes
from django.utils.translation import gettext

from stateful_oauth.django.browser.hosts import is_elsewhere, is_form_from_elsewhere, warn_of_replaced_host
from stateful_oauth.django.browser.navigation import is_background, is_prefetch
from stateful_oauth.django.browser.next_url import destination, may_go_to, requested_next
from stateful_oauth.django.browser.script_name import take_forwarded_prefix
from stateful_oauth.django.browser.start_limit import seconds_until_start
from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages.failures import Failure, Way
from stateful_oauth.django.pages.flow_pages import FlowResponse, SeeOther, refused_page, with_headers
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.flows.registry import SIGN_IN

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer", bound=HttpResponse)

_CODE: Final = "navigation_needed"
_TOO_MANY: Final = "too_many_starts"
_CAME_FROM_ELSEWHERE: Final = "at_base_url"  # a parameter of the URL at which a start goes on


def starts(
    kind: str = "", *, is_view: bool = False
) -> Callable[
    [Callable[Concatenate[HttpRequest, Arguments], Answer]],
    Callable[Concatenate[HttpRequest, Arguments], Answer],
]:
    """Decorate a function that starts a flow: other requests are answered without asking it.

    A request that is no navigation gets 401: no row, no cookie, no session. The user did not ask for the
    flow, and the script behind the request could not follow the way to the provider.

    A client that brings new browsers without end (see `start_limit`) gets 429.

    At a host that no callback leads to, the browser is sent to the same path at `BASE_URL` before anything is
    bound: the callback would come without the cookie.

    Args:
        kind: The flow's kind; without it, the function's first argument after the request.
        is_view: Whether it is a view, which says itself what methods it takes.
    """

    def decorate(
        function: Callable[Concatenate[HttpRequest, Arguments], Answer],
    ) -> Callable[Concatenate[HttpRequest, Arguments], Answer]:
        @wraps(function)
        def guarded(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
            take_forwarded_prefix(request)
            started = kind or str(kwargs["kind"] if "kind" in kwargs else args[0])
            may_have_method = is_view or request.method in ("GET", "POST")
            if not may_have_method or _is_refused(request, started):
                return cast("Answer", with_headers(request, _navigation_needed(request)))
            if (there := _at_base_url(request, started)) is not None:
                return cast("Answer", with_headers(request, SeeOther(there)))
            if seconds := seconds_until_start(request):
                return cast("Answer", with_headers(request, _too_many(request, seconds)))
            return function(request, *args, **kwargs)

        return guarded

    return decorate


def _is_refused(request: HttpRequest, kind: str) -> bool:
    if kind in conf.allow_background_starts_of:
        return is_prefetch(request)  # a user who never asks for the page must not find anything started
    return is_background(request)


def _at_base_url(request: HttpRequest, kind: str) -> str | None:
    """Return where a start goes on that came at another host, or None."""
    if request.method == "POST" and kind != SIGN_IN.kind:
        # It takes a form, and its user was signed in at that host.
        if not is_form_from_elsewhere(request):
            return None
        page = reverse("stateful_oauth:error", args=["sign_in_needed"])
        return conf.base_url + _with_next(page, QueryDict(mutable=True), _wanted(request))
    if not is_elsewhere(request):
        return None
    if _CAME_FROM_ELSEWHERE in request.GET:  # a proxy replaces the Host header: it would go on for ever
        warn_of_replaced_host(request.get_host())
        return None
    path, query = _startable(request)
    query[_CAME_FROM_ELSEWHERE] = "1"
    return conf.base_url + _with_next(path, query, _wanted(request))


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


def _too_many(request: HttpRequest, seconds: int) -> FlowResponse:
    found = Failure(
        heading=gettext("Too many sign-ins from your network"),
        message=gettext(ERROR_CODES[_TOO_MANY].user),
        way=Way.SIGN_IN,
        label=gettext("Try again"),
    )
    next_url = requested_next(request)
    response = refused_page(request, _TOO_MANY, found, next_url=next_url, back_url=destination(""))
    response.headers["Retry-After"] = str(seconds)
    return response


def _sign_in_url(request: HttpRequest) -> str:
    """Return the URL of a page that starts what was asked for."""
    return _with_next(*_startable(request), _shown_page(request) or requested_next(request))


def _startable(request: HttpRequest) -> tuple[str, QueryDict]:
    """Return the request's own path and query, or the login view's for a form: a navigation opens it."""
    match = request.resolver_match
    if request.method == "POST" and (match is None or match.view_name != "stateful_oauth:login"):
        return reverse("stateful_oauth:login"), QueryDict(mutable=True)
    return request.path, request.GET.copy()


def _with_next(path: str, query: QueryDict, next_url: str) -> str:
    if next_url:
        query["next"] = next_url
    path = escape_leading_slashes(escape_uri_path(path))  # two slashes begin another host's URL
    return f"{path}?{query.urlencode(safe='/')}" if query else path


def _wanted(request: HttpRequest) -> str:
    """Return the request's `next`, as a path if it leads to the host that was asked."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    with suppress(ValueError):  # brackets that do not match
        parts = urlsplit(wanted)
        if parts.netloc == request.get_host():
            return parts._replace(scheme="", netloc="", path=parts.path or "/").geturl()
    return wanted


def _shown_page(request: HttpRequest) -> str:
    """Return the page that htmx shows, when it asked for a part of it: a part is no page to come back to."""
    page = request.META.get("HTTP_HX_CURRENT_URL", "")
    return page if "HTTP_HX_BOOSTED" not in request.META and may_go_to(page) else ""
