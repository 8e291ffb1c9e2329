"""The `state` of a sign-out (OpenID Connect RP-Initiated Logout 1.0 §3), which comes back to its browser."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from django.core import signing
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from stateful_oauth.django.browser.next_url import may_go_to
from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages.flow_pages import FlowResponse, SeeOther
from stateful_oauth.flows.engine.secret import Secret

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_SALT: Final = "stateful_oauth.logout_state"
_LIFETIME: Final = 600  # seconds at the provider's pages
_LONGEST: Final = 128  # characters; ours has 43


def return_url(base_url: str) -> str:
    """Return where the provider sends the browser back to: the page that compares `state`."""
    return base_url + reverse("stateful_oauth:signed_out")


def keep_state(response: HttpResponse, home: str) -> Secret:
    """Return a new `state`, and keep it in a cookie, with where to go on.

    Args:
        home: A URL that a sign-out may lead to.
    """
    state = secrets.token_urlsafe(32)
    response.set_cookie(
        _cookie(),
        signing.dumps([state, home], salt=_SALT),
        max_age=_LIFETIME,
        secure=conf.cookie_secure,
        httponly=True,
        samesite="Lax",
    )
    return Secret(state)


def home_after(request: HttpRequest) -> FlowResponse | None:
    """Return the way on for a browser that comes back with its own `state`, or None for any other one."""
    given = request.GET.getlist("state")
    try:
        state, home = signing.loads(request.COOKIES.get(_cookie(), ""), salt=_SALT, max_age=_LIFETIME)
    except (signing.BadSignature, ValueError):
        return None
    if len(given) != 1 or len(given[0]) > _LONGEST or not constant_time_compare(given[0], state):
        return None
    if not may_go_to(home):
        return None
    response = SeeOther(home)
    response.delete_cookie(_cookie())
    return response


def _cookie() -> str:
    prefix = "__Host-" if conf.cookie_secure else ""
    return f"{prefix}{conf.cookie_name}_logout"
