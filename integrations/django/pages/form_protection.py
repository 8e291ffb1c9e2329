"""The CSRF protection of the package's forms: Django's check, with a page that says what is wrong.

Django's own refusal is a bare page without a way on. Users meet it without any attack: a form was opened
before another tab signed in, cookies are off, or a proxy does not tell Django that the site is on https.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.middleware.csrf import REASON_NO_CSRF_COOKIE, CsrfViewMiddleware
from django.urls import reverse
from django.utils.decorators import decorator_from_middleware
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from stateful_oauth.django.browser.hosts import base_url_of
from stateful_oauth.django.browser.next_url import destination, requested_next
from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages.failures import Failure, Way
from stateful_oauth.django.pages.flow_pages import flow_view, refused_page
from stateful_oauth.flows.error_codes import ERROR_CODES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest, HttpResponse, HttpResponseForbidden

logger = logging.getLogger("stateful_oauth.forms")

View = TypeVar("View", bound="Callable[..., Any]")

_ORIGIN_REASONS: Final = ("Origin checking failed", "Referer checking failed")  # how Django's reasons begin
_FORM_NEEDED: Final = "form_needed"
_TOKEN: Final = "csrfmiddlewaretoken"  # noqa: S105 - a field's name
# What a page repeats: forms of the package have a handful of short fields.
_MOST_FIELDS: Final = 20
_LONGEST_FIELD: Final = 16_384  # characters


class FormProtection(CsrfViewMiddleware):
    """Django's check, which also takes the site's base URLs, and refuses with a page of the package.

    `BASE_URL` and `OTHER_BASE_URLS` are this site, whatever a proxy makes of the scheme and the Host header.
    """

    @property
    def allowed_origins_exact(self) -> set[str]:
        """`CSRF_TRUSTED_ORIGINS` without patterns. Django reads the setting once for each process."""
        return {origin for origin in settings.CSRF_TRUSTED_ORIGINS if "*" not in origin}

    def _origin_verified(self, request: HttpRequest) -> bool:
        verified: bool = super()._origin_verified(request)  # type: ignore[misc]  # the stubs leave it out
        if verified or request.META["HTTP_ORIGIN"] not in conf.base_urls:
            return verified
        logger.warning(
            "a form of %s was taken, though Django sees the site at %s://%s: set SECURE_PROXY_SSL_HEADER, "
            "or USE_X_FORWARDED_HOST, or Django refuses the forms of your own pages",
            request.META["HTTP_ORIGIN"],
            request.scheme,
            request.get_host(),
        )
        return True

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponseForbidden:
        code = _code_of(reason)
        logger.warning("%s: %s (%s) %s", code, reason, request.path, ERROR_CODES[code].operator)
        found, back_url = _way_on(request, code)
        page = refused_page(request, code, found, back_url=back_url)
        page._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - as `django.utils.log` does
        return cast("HttpResponseForbidden", page)


protected: Final = decorator_from_middleware(FormProtection)


def form_view(*methods: str, signs_out: bool = False) -> Callable[[View], View]:
    """Decorate a view that takes a form of the package: `flow_view`, its methods, and the CSRF check.

    Args:
        signs_out: Whether a user who opens its URL gets the button that sends the form.
    """

    def decorate(view: View) -> View:
        inner: Any = _with_page(require_http_methods([*methods])(protected(view)), signs_out=signs_out)
        # For the middleware of the project: its refusal would lack our headers and the way on.
        return cast("View", csrf_exempt(flow_view(inner)))

    return decorate


def _with_page(view: Callable[..., Any], *, signs_out: bool) -> Callable[..., Any]:
    """Have a view answer a GET that it does not take with a page: a bookmark, a link, a reloaded refusal."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = view(request, *args, **kwargs)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED or request.method != "GET":
            return response
        page = refused_page(
            request, _FORM_NEEDED, _form_needed(request, signs_out=signs_out), back_url=destination("")
        )
        page.headers["Allow"] = response.headers["Allow"]
        page._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - as below
        return page

    return answered


def _form_needed(request: HttpRequest, *, signs_out: bool) -> Failure:
    message = gettext(ERROR_CODES[_FORM_NEEDED].user)
    if signs_out:
        heading, label = gettext("Do you want to sign out?"), gettext("Sign out")
        return Failure(heading, "", Way.RESTART, label, goes_back=True, url=request.path)
    return Failure(gettext("Nothing was changed"), message, Way.BACK, gettext("Go back"))


def _code_of(reason: str) -> str:
    if reason.startswith(_ORIGIN_REASONS):
        return "form_origin"
    return "form_cookie_missing" if reason == REASON_NO_CSRF_COOKIE else "form_outdated"


def _way_on(request: HttpRequest, code: str) -> tuple[Failure, str]:
    """Return the page's texts and button, and where its link leads if the button is one.

    Only a form that this site's own page has sent is offered again with what it held: a page of another site
    must not fill in a form whose token is then valid.
    """
    heading, message = gettext("Please try again"), gettext(ERROR_CODES[code].user)
    next_url = requested_next(request)
    if code != "form_origin" and _is_own(request):
        label, fields = gettext("Try again"), _fields(request.POST)
        return Failure(heading, message, Way.RESTART, label, url=request.path, fields=fields), ""
    name = request.resolver_match.url_name if request.resolver_match else ""
    if name == "login":
        url = request.path + ("?" + urlencode({"next": next_url}) if next_url else "")
        return Failure(heading, message, Way.BACK, gettext("Sign in")), base_url_of(request) + url
    if name == "logout" and base_url_of(request).endswith("://" + request.get_host()):
        return Failure(
            heading, message, Way.RESTART, gettext("Sign out"), url=reverse("stateful_oauth:logout")
        ), ""
    url = destination(next_url)
    absolute = base_url_of(request) + url if url.startswith("/") else url
    return Failure(heading, message, Way.BACK, gettext("Go back")), absolute


def _is_own(request: HttpRequest) -> bool:
    """Whether a page of this very site has sent the form, as `Origin` or `Referer` says.

    `CSRF_TRUSTED_ORIGINS` do not count: they may send forms with a token, and have none to send.
    """
    sender = request.META.get("HTTP_ORIGIN")
    if sender is None:
        with suppress(ValueError):  # brackets that do not match
            referer = urlsplit(request.META.get("HTTP_REFERER", ""))
            sender = f"{referer.scheme}://{referer.netloc}"
    return sender in (*conf.base_urls, f"{request.scheme}://{request.get_host()}")


def _fields(sent: Mapping[str, str]) -> dict[str, str]:
    names = [name for name in sent if name != _TOKEN]
    if len(names) > _MOST_FIELDS or any(len(sent[name]) > _LONGEST_FIELD for name in names):
        return {}
    return {name: sent[name] for name in names}
