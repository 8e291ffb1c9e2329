"""What every page of the package has in common: headers, transactions, prefetches, and error pages."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar, cast
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.exception import response_for_exception
from django.db import (
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connections,
    router,
    transaction,
)
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.encoding import iri_to_uri
from django.utils.translation import gettext
from django.views.decorators.csrf import ensure_csrf_cookie

from stateful_oauth.django.browser.binding import write_binding
from stateful_oauth.django.browser.navigation import is_prefetch
from stateful_oauth.django.browser.next_url import destination, may_go_to
from stateful_oauth.django.browser.script_name import take_forwarded_prefix
from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages import other_browser
from stateful_oauth.django.pages.failures import Way, failure
from stateful_oauth.django.pages.site_faults import for_developers
from stateful_oauth.django.sessions.sign_ins import forget_session, save_session, session_details
from stateful_oauth.flows.engine.errors import StoreUnavailable
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.availability import is_not_migrated, is_unavailable
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping

    from stateful_oauth.django.pages.failures import Failure
    from stateful_oauth.flows.engine.outcomes import Outcome, TryLater

logger = logging.getLogger("stateful_oauth.pages")

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    # What a project's own templates may load is the project's business.
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
}
_VARY: Final = ("Cookie", "Sec-Purpose", "Purpose", "X-Moz")

_SPLIT: Final = 1024  # characters; Django counts them quoted, with at most 12 for one
# PostgreSQL says by `ProgrammingError` that a table is missing, and by `InternalError` that it is read-only.
# Any other one is a bug, and is raised.
_LOST: Final = (StoreUnavailable, OperationalError, InterfaceError, InternalError, ProgrammingError)
_ANSWERED: Final = (*_LOST, Http404, SuspiciousOperation)
_IS_WHOLE: Final = "_stateful_oauth_is_whole"  # a response that has its headers

Arguments = ParamSpec("Arguments")
Response = TypeVar("Response", bound=HttpResponse)
View = TypeVar("View", bound="Callable[..., Any]")


class InsideTransaction(RuntimeError):
    """A view that moves a transaction runs in a database transaction: decorate it with `flow_view`.

    The engine commits before it calls the provider. In a database transaction of `ATOMIC_REQUESTS` nothing
    would be committed then, and a second delivery could repeat the call.
    """


class FlowResponse(HttpResponse):
    """What the functions that start and continue flows return.

    Attributes:
        outcome: What the flow answered, or None if no flow was asked.
    """

    outcome: Outcome | None = None


class FlowPage(TemplateResponse, FlowResponse):
    """A page, as what those functions return."""


class SeeOther(HttpResponseRedirect, FlowResponse):
    """303: the browser asks for the next page with GET, and the URL before it leaves the history."""

    status_code = 303

    def __init__(self, redirect_to: str) -> None:
        # Django refuses longer URLs, because it splits what it has not checked. These are checked.
        super().__init__(redirect_to[:_SPLIT])
        if len(redirect_to) > _SPLIT:
            self.headers["Location"] = iri_to_uri(redirect_to)

    def __repr__(self) -> str:
        # The URL may hold `state`, and error reports show variables.
        return f"<{type(self).__name__} status_code={self.status_code}>"


def flow_view(view: View) -> View:
    """Decorate a view that starts or continues a flow; the package's own views and yours. Sync or async.

    - It does not run in a database transaction, whatever `ATOMIC_REQUESTS` says, because the engine commits
      before it calls the provider.
    - `LoginRequiredMiddleware` lets it pass. Use `login_required` beside it where a user is needed.
    - Its responses have the headers of an authorization endpoint's client (RFC 9700 §4.2, §4.16) and the
      browser's binding cookie, on the project's own page for 404, too.
    - A prefetch is answered without asking it (docs/security-checklist.md S5).
    - If the database is gone, it has a page.
    """
    if iscoroutinefunction(view):

        @wraps(view)
        async def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            take_forwarded_prefix(request)
            if is_prefetch(request):
                return with_headers(request, FlowResponse(status=204))
            try:
                response: HttpResponse = await view(request, *args, **kwargs)
                await sync_to_async(_save_session)(request, response)
            except _ANSWERED as error:
                response = await sync_to_async(_response_to)(request, error)
            return with_headers(request, response)

    else:

        @wraps(view)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            take_forwarded_prefix(request)
            if is_prefetch(request):
                return with_headers(request, FlowResponse(status=204))
            try:
                response: HttpResponse = view(request, *args, **kwargs)
                _save_session(request, response)
            except _ANSWERED as error:
                response = _response_to(request, error)
            return with_headers(request, response)

    return cast("View", outside_of_transactions(login_not_required(cast("Any", page))))


def whole_response(
    function: Callable[Concatenate[HttpRequest, Arguments], FlowResponse],
) -> Callable[Concatenate[HttpRequest, Arguments], FlowResponse]:
    """Decorate a function that a view calls for its response: it does what `flow_view` does.

    Raises:
        InsideTransaction: There is a surrounding database transaction.
    """

    @wraps(function)
    def whole(request: HttpRequest, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> FlowResponse:
        take_forwarded_prefix(request)
        if is_prefetch(request):
            return with_headers(request, FlowResponse(status=204))
        _check_outside_of_transactions()
        try:
            response = function(request, *args, **kwargs)
            _save_session(request, response)
        except _LOST as error:
            response = _response_to_lost(request, error)
        return with_headers(request, response)

    return whole


def outside_of_transactions(view: Callable[..., Any]) -> Callable[..., Any]:
    """Keep `ATOMIC_REQUESTS` from a view, of every database: a router may send us to any of them."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def _check_outside_of_transactions() -> None:
    connection = transaction.get_connection(router.db_for_write(FlowTransaction))
    # Django's `TestCase` runs each test in a database transaction, and lets durable blocks pass in it.
    if connection.in_atomic_block and not getattr(connection.atomic_blocks[-1], "_from_testcase", False):
        raise InsideTransaction("Decorate the view with stateful_oauth.django.flow_view.")


def _save_session(request: HttpRequest, response: HttpResponse) -> None:
    if response.status_code < 500:  # the middleware keeps no session of another one either
        save_session(request)


def _response_to(request: HttpRequest, error: Exception) -> HttpResponse:
    if isinstance(error, _LOST):
        return _response_to_lost(request, error)
    return response_for_exception(request, error)


def _response_to_lost(request: HttpRequest, error: Exception) -> FlowResponse:
    code = "database_not_migrated" if is_not_migrated(error) else "store_unavailable"
    if code == "store_unavailable" and not isinstance(error, StoreUnavailable) and not is_unavailable(error):
        raise error
    logger.error("%s What to do: %s", ERROR_CODES[code].meaning, ERROR_CODES[code].operator, exc_info=error)
    forget_session(request)
    return _unavailable_page(code, may_reload=request.method == "GET")


def with_headers(request: HttpRequest, response: Response) -> Response:
    """Give a response the headers of every page of the package, and the browser's binding cookie, once."""
    if not getattr(response, _IS_WHOLE, False):
        write_binding(request, response)
        if conf.frame_ancestors:
            _let_into_frames(response)
        for name, value in _HEADERS.items():
            if name != "X-Frame-Options" or not conf.frame_ancestors:
                response.headers.setdefault(name, value)
        patch_vary_headers(response, _VARY)
        setattr(response, _IS_WHOLE, True)
    return response


def _let_into_frames(response: HttpResponse) -> None:
    """Let the sites of `FRAME_ANCESTORS` show a page in a frame, or in a window that they opened."""
    policy = _HEADERS["Content-Security-Policy"].replace("'none'", " ".join(conf.frame_ancestors), 1)
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("Cross-Origin-Opener-Policy", "unsafe-none")
    response.xframe_options_exempt = True  # what Django's middleware looks for


def error_page(
    request: HttpRequest,
    code: str,
    *,
    kind: str = "",
    inputs: Mapping[str, Any] | None = None,
    reference: uuid.UUID | None = None,
    tenant: str = "",
    description: str = "",
) -> HttpResponse:
    """Render the page of an error code, with its HTTP status and a way to start over.

    Args:
        kind: The flow that failed; an empty string is a sign-in.
        inputs: What its transaction keeps: where the visitor wanted to go, and what was to be connected.
        reference: The transaction, for the user to tell support and for support to find.
        tenant: Where to start over; the site's first tenant when it is not one of them.
        description: What the provider said: text from outside, for the template variable of that name.
    """
    known, inputs = ERROR_CODES.get(code, ERROR_CODES["internal_error"]), inputs or {}
    tenant = _known_tenant(tenant)
    next_url = str(inputs.get("next", ""))
    elsewhere = other_browser.reference_of(request) if code in other_browser.CODES else ""
    found = failure(code, kind, inputs, tenant)
    if elsewhere and found.way is Way.BACK:
        # There is nothing to go back to in this browser. The sign-in leads to where the user wanted to go.
        found = replace(found, way=Way.SIGN_IN, label=gettext("Continue here"))
    if other_browser.blocks_cookies(request, code):
        found = replace(found, message=gettext(ERROR_CODES["cookies_blocked"].user))
    context = {
        "code": code,
        "failure": found,
        "message": found.message,
        "next_url": next_url if may_go_to(next_url) else "",
        "back_url": destination(next_url),
        "reference": reference,
        "description": description,
        "developer": for_developers(code, reference),
        "elsewhere": elsewhere,
        "attempt": reference,
    }
    return sign_in_page(request, "stateful_oauth/error.html", context, tenant=tenant, status=known.status)


def refused_page(
    request: HttpRequest, code: str, found: Failure, *, next_url: str = "", back_url: str, tenant: str = ""
) -> FlowResponse:
    """Render the page of a request that was refused before anything was started.

    Args:
        found: The texts, and the buttons.
        next_url: Where the user wanted to go.
        back_url: Where its link leads.
        tenant: Where its buttons sign in and out.
    """
    context = {
        "code": code,
        "failure": found,
        "message": found.message,
        "next_url": next_url if may_go_to(next_url) else "",
        "back_url": back_url,
    }
    status = ERROR_CODES[code].status
    return sign_in_page(request, "stateful_oauth/error.html", context, tenant=tenant, status=status)


def try_later_page(request: HttpRequest, outcome: TryLater) -> FlowResponse:
    """Render the page of an event that was not claimed, at the URL that was asked for: it brings it again.

    The event stays with the browser, and is written nowhere. Like the page of a lost database it stays at the
    callback's URL, which holds the code, so it has no form. A form cannot be sent again by itself.
    """
    known, may_reload = ERROR_CODES[outcome.code], request.method == "GET"
    context = {"message": gettext(known.user), "may_reload": may_reload, "code": outcome.code}
    context["reference"] = outcome.transaction_id
    page = render_to_string("stateful_oauth/try_later.html", context)
    response = FlowResponse(page, status=known.status)
    seconds = str(math.ceil(outcome.seconds))
    response.headers["Retry-After"] = seconds
    if may_reload:
        response.headers["Refresh"] = seconds
    return response


def _unavailable_page(code: str, *, may_reload: bool) -> FlowResponse:
    """Render the page for an unavailable database, at the URL that was asked for.

    Without the request, because a template that shows who is signed in would ask that database. Reloading
    may go on with the attempt, so the page stays at the callback's URL, which holds the code: it has no form,
    and `no-referrer` holds.
    """
    known = ERROR_CODES[code]
    context = {
        "code": code,
        "message": gettext(known.user),
        "without_form": True,
        "developer": for_developers(code),
    }
    page = render_to_string("stateful_oauth/error.html", {**context, "may_reload": may_reload})
    return FlowResponse(page, status=known.status)


def sign_in_needed(request: HttpRequest, next_url: str) -> FlowResponse | None:
    """Return the way to the sign-in for a request that needs one, or None.

    A user who is signed in by other means, for example with a password, has no account at the provider.
    """
    if request.user.is_authenticated and session_details(request).get("sub"):
        return None
    query = urlencode({"next": next_url}) if next_url else ""
    url = reverse("stateful_oauth:error", args=["sign_in_needed"])
    return SeeOther(f"{url}?{query}" if query else url)


@ensure_csrf_cookie  # the form needs it, also where the project lacks the middleware
def sign_in_page(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, tenant: str = "", status: int = 200
) -> FlowResponse:
    """Render a page with the form that starts a sign-in."""
    alias = _known_tenant(tenant)
    context = {**context, "tenant": alias, "provider": conf.tenant(alias).shown_title}
    response = FlowPage(request, template, context, status=status)
    response.render()
    # Under `no-referrer` browsers send a form with `Origin: null` (Fetch Standard, "append a request Origin
    # header"), which Django's CSRF check refuses. The URL of such a page holds no code.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def _known_tenant(alias: str) -> str:
    aliases = conf.tenant_aliases
    return alias if alias in aliases else aliases[0]
