"""What the demo does around every page. Nothing of this belongs into a project."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from stateful_oauth.demo.running import running_demo_or_none
from stateful_oauth.django.browser.binding import read_binding
from stateful_oauth.django.conf import conf
from stateful_oauth.django.declarations import callbacks

if TYPE_CHECKING:
    from collections.abc import Callable

VISITOR_COOKIE: Final = "demo_visitor"
NONCE: Final = "DEMO_NONCE"
# The admin has its scripts and styles in files, and so have the pages that this package adds.
_ADMIN_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class DemoMiddleware:
    """One URL for the site, a name for each visitor, a strict policy for the pages, and repairs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        if request.get_host() == f"localhost:{request.get_port()}":
            # Cookies of localhost do not come back to 127.0.0.1, which is where the provider sends people.
            return HttpResponseRedirect(conf.base_url + request.get_full_path())
        request.META[NONCE] = secrets.token_urlsafe(16)
        visitor = request.COOKIES.get(VISITOR_COOKIE, "")
        if not visitor:
            visitor = request.COOKIES[VISITOR_COOKIE] = secrets.token_urlsafe(16)
        self._note_browser(request, visitor)
        state = request.GET.get("state", "")  # before the callback takes its parameters out of the request
        response = self._get_response(request)
        self._repair(request, state)
        response.set_cookie(VISITOR_COOKIE, visitor, httponly=True, samesite="Lax")
        policy = _ADMIN_POLICY if request.path.startswith("/admin/") else _policy(request.META[NONCE])
        response.headers.setdefault("Content-Security-Policy", policy)
        return response

    def _note_browser(self, request: HttpRequest, visitor: str) -> None:
        demo, binding = running_demo_or_none(), read_binding(request)
        if demo is not None and binding is not None:
            demo.remember_browser(visitor, binding.browser)

    def _repair(self, request: HttpRequest, state: str) -> None:
        demo = running_demo_or_none()
        if demo is None or not state:
            return
        if request.path in {reverse(f"stateful_oauth:{each.name}") for each in callbacks()}:
            demo.repair(state)


def _policy(nonce: str) -> str:
    # form-action names the provider, because a browser applies it to redirects of a form as well.
    provider = conf.tenant("default").issuer.rstrip("/")
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self' {provider}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
