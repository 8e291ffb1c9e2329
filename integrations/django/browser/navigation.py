"""How a browser says what a request is for: Fetch Metadata Request Headers (W3C), and older headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings

from stateful_oauth.django.conf import conf

if TYPE_CHECKING:
    from django.http import HttpRequest

# How browsers say that they only guess; as WSGI names the headers.
_PURPOSES: Final = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_GUESSES: Final = ("prefetch", "prerender", "preview")
# What a navigation is for, where a document comes of it.
_DOCUMENTS: Final = frozenset({"document", "iframe", "frame", "embed", "object", "fencedframe"})
_FRAMES: Final = frozenset({"iframe", "frame"})
# Libraries of scripts send these with each request of theirs.
_LIBRARIES: Final = (
    "HTTP_HX_REQUEST",
    "HTTP_TURBO_FRAME",
    "HTTP_X_TURBO_REQUEST_ID",
    "HTTP_X_ALPINE_REQUEST",
    "HTTP_DATASTAR_REQUEST",
    "HTTP_X_INERTIA",
    "HTTP_X_PJAX",
    "HTTP_X_UP_VERSION",
    "HTTP_X_UP_TARGET",
    "HTTP_X_BARBA",
    "HTTP_X_LIVEWIRE",
    "HTTP_TURBOLINKS_REFERRER",
    "HTTP_RSC",  # React Server Components
    "HTTP_SERVICE_WORKER",  # a browser that looks for a newer script
    "HTTP_PING_FROM",  # <a ping>
)
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml", "text/*"})
_ANYTHING: Final = frozenset({"*/*", ""})


def is_prefetch(request: HttpRequest) -> bool:
    """Whether the browser only guesses that the user may want this page."""
    purpose = " ".join([request.META[name] for name in _PURPOSES if name in request.META]).lower()
    return any(guess in purpose for guess in _GUESSES)


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


def is_background(request: HttpRequest) -> bool:
    """Whether a request says that it is no navigation: a script, an image, a prefetch, or a frame.

    A request that says nothing is none of these. Browsers older than 2023, and all browsers on plain http,
    send no Fetch Metadata. A frame counts as a navigation only if `FRAME_ANCESTORS` is set.
    """
    return (
        is_prefetch(request)
        or any(name in request.META for name in _LIBRARIES)
        or _sends_no_form(request)
        or _names_a_script(request.META.get("HTTP_X_REQUESTED_WITH", ""))
        or _fetches(request)
    )


def _sends_no_form(request: HttpRequest) -> bool:
    """Whether it brings what no form can: the CSRF token in a header, or JSON."""
    return settings.CSRF_HEADER_NAME in request.META or request.content_type == "application/json"


def _names_a_script(requested_with: str) -> bool:
    """Whether `X-Requested-With` names a script: `XMLHttpRequest`, `fetch`, and what libraries make up.

    Android's WebView sends the id of its app with each navigation: two segments or more, with dots between.
    """
    name = requested_with.strip()
    return name != "" and "." not in name


def _fetches(request: HttpRequest) -> bool:
    """Whether the mode and destination, or without them the accepted types, say that no page is asked for."""
    mode = request.META.get("HTTP_SEC_FETCH_MODE")
    destination = request.META.get("HTTP_SEC_FETCH_DEST")
    if mode is None and destination is None:
        return _wants_no_page(request.META.get("HTTP_ACCEPT", ""))
    pages = {"document", *(_FRAMES if conf.frame_ancestors else ())}
    if mode == "navigate":
        # A service worker that passes a navigation on has no destination to name (Fetch Standard, the Request
        # constructor). A script cannot make a request of this mode.
        return destination not in {*pages, "empty", None}
    return mode is not None or destination not in pages


def _wants_no_page(accept: str) -> bool:
    """Whether an `Accept` header names types, and pages are none of them.

    A browser's navigation names `text/html`. `*/*` beside other types is what images and scripts send; alone
    it is what clients send that say nothing.
    """
    types = {each.partition(";")[0].strip().lower() for each in accept.split(",")}
    return not types & _PAGES and not types <= _ANYTHING
