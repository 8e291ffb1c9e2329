"""How a browser says what a request is for: Fetch Metadata Request Headers (W3C), and older headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from django.http import HttpRequest

# How browsers say that they only guess; as WSGI names the headers.
_PURPOSES: Final = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_MOZ")
# What a navigation is for, where a document comes of it.
_DOCUMENTS: Final = frozenset({"document", "iframe", "frame", "embed", "object", "fencedframe"})


def is_prefetch(request: HttpRequest) -> bool:
    """Whether the browser only guesses that the user may want this page."""
    purpose = " ".join([request.META[name] for name in _PURPOSES if name in request.META]).lower()
    return "prefetch" in purpose or "prerender" in purpose


def is_navigation(request: HttpRequest) -> bool:
    """Whether a browser says that it shows a user what it asks for.

    Scripts cannot set these headers, and scanners of links and previews do not send them. Nor do browsers
    older than 2023: a request without them counts as no navigation.
    """
    return (
        request.META.get("HTTP_SEC_FETCH_MODE") == "navigate"
        and request.META.get("HTTP_SEC_FETCH_DEST") in _DOCUMENTS
        and request.method in ("GET", "POST")
        and not is_prefetch(request)
    )
