"""What the callbacks of all flows have in common: where the provider sends the browser back to."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils.translation import get_language
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import BrowserCaller
from stateful_oauth.django.actions.form_posts import (
    bridge,
    is_bridged,
    taken_from_form,
    takes_form_posts,
)
from stateful_oauth.django.browser.navigation import is_navigation
from stateful_oauth.django.browser.seen_codes import remember_codes, was_seen
from stateful_oauth.django.conf import DEFAULT_TENANT, TenantSettings, conf
from stateful_oauth.django.declarations import callbacks, declaration_of
from stateful_oauth.django.pages import other_browser
from stateful_oauth.django.pages.flow_pages import flow_view
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.identifiers import transaction_id_of
from stateful_oauth.flows.engine.outcomes import Outcome, Rejected
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

View = TypeVar("View", bound="Callable[..., Any]")

_TAKEN_OUT: Final = "_stateful_oauth_response"  # where a request keeps what was taken out of it
_URLS: Final = re.compile("QUERY|URI|URL|REFERER")  # in names of variables that may hold the request's URL
_SHORTEST_HIDDEN: Final = 8  # characters; shorter values stand in a URL by chance


def callback_view(view: View) -> View:
    """Decorate the view of a callback, sync or async: `flow_view`, for a URL whose query holds a code.

    The query is taken out of the request before anything else, because an error report shows the request, and
    every frame has it in a variable.
    """
    page: Any = flow_view(require_http_methods(["GET"])(view))
    posted: Any = flow_view(require_http_methods(["POST"])(view))
    bridged: Any = flow_view(bridge)
    if iscoroutinefunction(page):

        @wraps(page)
        async def without_query(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if _posts(request.method, kwargs):
                if not is_bridged(request):
                    return cast("HttpResponse", await sync_to_async(bridged)(request))
                _take_out(request, taken_from_form(request))
                return cast("HttpResponse", await posted(request, *args, **kwargs))
            await sync_to_async(_guard)(request)
            response: HttpResponse = await page(request, *args, **kwargs)
            return response

    else:

        @wraps(page)
        def without_query(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if _posts(request.method, kwargs):
                if not is_bridged(request):
                    return cast("HttpResponse", bridged(request))
                _take_out(request, taken_from_form(request))
                return cast("HttpResponse", posted(request, *args, **kwargs))
            _guard(request)
            response: HttpResponse = page(request, *args, **kwargs)
            return response

    # What it takes no POST of, it says itself: with headers that suit a URL which may hold a code.
    return cast("View", csrf_exempt(without_query))


def callback_outcome(request: HttpRequest, kind: str, tenant: str) -> Outcome:
    """Send the provider's answer to its transaction.

    Raises:
        Http404: There is no such tenant.
    """
    parameters = _take_out(request)
    tenant_or_404(tenant)
    if request.method == "GET" and kind != "connect_account" and takes_form_posts(tenant):
        # `response_mode` was changed on the way to the provider: the code has stood in a URL.
        _remember_codes(parameters)
        parameters = [(name, values) for name, values in parameters if name not in _code_parameters()]
    declared = declaration_of(kind).callback
    code_parameter = "code" if declared is None else declared.code_parameter
    try:
        response = AuthorizationResponse.parse(parameters, code_parameter=code_parameter)
    except FlowError as error:
        return _refused(request, parameters, Rejected(kind=kind, tenant=tenant, code=error.code))
    if was_seen(response.code):
        return Rejected(kind=kind, tenant=tenant, code="browser_mismatch")
    transaction_id = transaction_id_of(response.state.reveal())
    if transaction_id is None:
        return _refused(request, parameters, Rejected(kind=kind, tenant=tenant, code="transaction_unknown"))
    outcome = wiring.engine().dispatch(
        transaction_id,
        Event("callback", response),
        BrowserCaller(request),
        kind=kind,
        tenant=tenant,
        state=response.state,
    )
    if outcome.code in other_browser.CODES and outcome.transaction_id is None:
        other_browser.note_attempt(request, transaction_id)
    return _refused(request, parameters, outcome) if outcome.code == "transaction_unknown" else outcome


def _posts(method: str | None, kwargs: Mapping[str, Any]) -> bool:
    """Whether a request is a form of the provider's, and the tenant of its URL is asked for forms."""
    # Not the request: its query may hold a code, and no variable of a frame shows one.
    return method == "POST" and takes_form_posts(kwargs.get("tenant", DEFAULT_TENANT))


def _guard(request: HttpRequest) -> None:
    """Take the query out of the request, and remember the codes of a form, which others may have seen."""
    with suppress(SuspiciousOperation):  # more parameters than Django reads: said by the page
        _take_out(request)
    if request.method == "POST" and is_navigation(request):
        # `response_mode` was changed on the way to the provider.
        with suppress(SuspiciousOperation, BadRequest, OSError):  # a body that cannot be read
            _remember_posted(request)


def _remember_posted(request: HttpRequest) -> None:
    if request.content_type == "application/x-www-form-urlencoded":
        remember_codes(Secret(value) for name in _code_parameters() for value in request.POST.getlist(name))
    _remember_codes(_take_out(request))


def _refused(
    request: HttpRequest, parameters: Sequence[tuple[str, Sequence[Secret]]], outcome: Outcome
) -> Outcome:
    """Return a refusal. Remember the codes of a navigation: its URL was on display and may have been read."""
    if is_navigation(request):
        _remember_codes(parameters)
    return outcome


def _remember_codes(parameters: Sequence[tuple[str, Sequence[Secret]]]) -> None:
    names = _code_parameters()
    remember_codes(value for name, values in parameters if name in names for value in values)


def _code_parameters() -> frozenset[str]:
    """Return the parameters that hold a code in any flow, because a code may come to another flow's URL."""
    return frozenset({"code", *(each.code_parameter for each in callbacks())})


def _take_out(
    request: HttpRequest, form: Sequence[tuple[str, Sequence[Secret]]] | None = None
) -> Sequence[tuple[str, Sequence[Secret]]]:
    """Return the query as secrets, and leave none of it in the request.

    Args:
        form: What was taken from a form, in the place of the query.

    Servers and proxies write the URL into variables of their own (`REQUEST_URI`, `X-Original-URL`, …). Each
    variable that holds the query, or a value of it as long as a code or a `state`, is emptied.
    """
    found: Sequence[tuple[str, Sequence[Secret]]] | None = getattr(request, _TAKEN_OUT, None)
    if found is None:
        found = [(name, [Secret(value) for value in values]) for name, values in request.GET.lists()]
        setattr(request, _TAKEN_OUT, found if form is None else form)
        hidden = [
            Secret(request.META.get("QUERY_STRING", "")),
            *(value for _, all_ in found for value in all_),
        ]
        request.GET = QueryDict()
        for name in [name for name in request.META if _URLS.search(name)]:
            if _holds(request.META[name], hidden):
                request.META[name] = ""
    return found if form is None else form


def _holds(value: object, hidden: Sequence[Secret]) -> bool:
    return isinstance(value, str) and any(
        len(each.reveal()) >= _SHORTEST_HIDDEN and each.reveal() in value for each in hidden
    )


def callback_url(tenant: str, name: str = "callback", *, base_url: str = "") -> str:
    """Return a `redirect_uri`, which comes from the settings (docs/security-checklist.md S10).

    `CALLBACK_URL` replaces that of the sign-in: by the name of a URL pattern, a path, or a whole URL.

    Args:
        name: Of the URL pattern; each flow has its own (RFC 9700 §4.4).
        base_url: One of the site's base URLs; `BASE_URL` by default.
    """
    chosen: str = conf.tenant(tenant).callback_url if name == "callback" else ""
    if chosen.startswith(("https://", "http://")):
        return chosen
    base_url = base_url or conf.base_url
    if chosen:
        return base_url + (chosen if chosen.startswith("/") else reverse(chosen))
    where = (get_urlconf(settings.ROOT_URLCONF), get_script_prefix(), get_language())
    return base_url + _callback_path(tenant, name, where)


@lru_cache(maxsize=256)
def _callback_path(tenant: str, name: str, where: tuple[object, ...]) -> str:
    del where  # all that `reverse` depends on, so that a path is kept for each
    kwargs: Mapping[str, str] = {} if tenant == DEFAULT_TENANT else {"tenant": tenant}
    return reverse(f"stateful_oauth:{name}", kwargs=dict(kwargs))


def tenant_or_404(alias: str) -> TenantSettings:
    """Return the tenant's settings.

    Raises:
        Http404: There is no such tenant.
    """
    try:
        return conf.tenant(alias)
    except KeyError:
        raise Http404 from None
