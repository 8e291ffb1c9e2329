"""The browser-binding cookie: one random secret per browser, of which rows keep the digest.

Apart from the session on purpose: starting a sign-in makes no session row, and `login()` may flush the
session without losing the other tabs (docs/security-checklist.md S1, S8).
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from stateful_oauth.django.conf import conf
from stateful_oauth.flows.engine.identifiers import digest

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

_FORM: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_PENDING: Final = "_stateful_oauth_binding_to_send"  # what the response of a request has to set
_MAX_AGE: Final = 24 * 60 * 60  # seconds; longer than any transaction lives, shorter than a habit


def cookie_name() -> str:
    """Return the cookie's name. `__Host-` keeps other hosts of the domain from planting one (RFC 6265bis)."""
    return f"__Host-{conf.cookie_name}" if conf.cookie_secure else conf.cookie_name


def read_binding(request: HttpRequest) -> str | None:
    """Return the secret that the browser sent, if it is one of ours by its form."""
    value = request.COOKIES.get(cookie_name(), "")
    return value if _FORM.fullmatch(value) else None


def new_binding() -> str:
    """Return 256 random bits, 43 characters."""
    return secrets.token_urlsafe(32)


def binding_digest(binding: str) -> bytes:
    """Return what a row keeps of the secret."""
    return digest(binding)


def bind(request: HttpRequest) -> str:
    """Return the browser's binding for something that starts now, and have the response set the cookie."""
    binding = read_binding(request) or new_binding()
    setattr(request, _PENDING, binding)
    return binding


def write_binding(request: HttpRequest, response: HttpResponse) -> None:
    """Set the cookie, if the request started something."""
    pending: str | None = getattr(request, _PENDING, None)
    if pending is not None and cookie_name() not in response.cookies:
        send_binding(response, pending)


def send_binding(response: HttpResponse, binding: str) -> None:
    """Set the cookie. `Lax`, because the provider's redirect back is a cross-site navigation."""
    response.set_cookie(
        cookie_name(), binding, max_age=_MAX_AGE, secure=conf.cookie_secure, httponly=True, samesite="Lax"
    )


def forget_binding(response: HttpResponse) -> None:
    """Delete the cookie, so that callbacks of before the sign-out are a stranger's."""
    response.delete_cookie(cookie_name(), samesite="Lax")
