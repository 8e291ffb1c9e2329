"""What a browser that did not start an attempt is told: that it did not, and how to go on here.

A user starts on a computer and opens the provider's mail on a phone, or a mail app opens links in a browser
of its own. The page says so, and its form goes to where the user wanted to go. It names the attempt by a
signed reference, which takes the `state` to get, and not the URL: another browser is shown nothing of it.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from django.core.signing import BadSignature, TimestampSigner
from django.db import router

from stateful_oauth.django.browser.binding import binding_lifetime
from stateful_oauth.django.browser.binding_cookies import cookie_name, set_cookie
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

CODES: Final = frozenset({"browser_mismatch", "browser_unknown", "other_browser"})
FIELD: Final = "elsewhere"  # in URLs and forms: the reference

_SALT: Final = "stateful_oauth.other_browser"
_ATTEMPT: Final = "_stateful_oauth_other_attempt"  # what the request's `state` belongs to
_PROBE_LIFETIME: Final = 60  # seconds


def note_attempt(request: HttpRequest, transaction_id: uuid.UUID) -> None:
    """Note the attempt of another browser whose `state` this browser has brought."""
    setattr(request, _ATTEMPT, transaction_id)


def add_way_on(request: HttpRequest, response: HttpResponse) -> None:
    """Add to a redirect to the error page what it needs: the reference, and a cookie that comes back or not.

    Without that cookie the page could not tell another browser from one that blocks cookies.
    """
    attempt = getattr(request, _ATTEMPT, None)
    if attempt is not None:
        url = response.headers["Location"]
        reference = urlencode({FIELD: _signer().sign(attempt.hex)})
        response.headers["Location"] = f"{url}{'&' if '?' in url else '?'}{reference}"
    set_cookie(response, f"{cookie_name()}-probe", "1", max_age=_PROBE_LIFETIME)


def blocks_cookies(request: HttpRequest, code: str) -> bool:
    """Whether a browser sends no cookie at all, at the page to which `add_way_on` led.

    With `other_browser` the callback came with one.
    """
    return code in CODES - {"other_browser"} and not request.META.get("HTTP_COOKIE")


def reference_of(request: HttpRequest) -> str:
    """Return the reference in the URL of a page, if it is one of ours."""
    reference = request.GET.get(FIELD, "")
    return reference if _attempt_of(reference) is not None else ""


def next_elsewhere(request: HttpRequest) -> str:
    """Return where the attempt was to go that a form refers to, or an empty string. Takes a query then."""
    attempt = _attempt_of(request.POST.get(FIELD, "")) if request.method == "POST" else None
    if attempt is None:
        return ""
    written = FlowTransaction.objects.using(router.db_for_write(FlowTransaction))
    inputs = written.filter(pk=attempt).values_list("inputs", flat=True).first() or {}
    return str(inputs.get("next", ""))


def _attempt_of(reference: str) -> uuid.UUID | None:
    if not reference:
        return None
    try:
        return uuid.UUID(_signer().unsign(reference, max_age=binding_lifetime()))
    except (BadSignature, ValueError):
        return None


def _signer() -> TimestampSigner:
    return TimestampSigner(salt=_SALT)
