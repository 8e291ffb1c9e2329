"""Where the browser goes in the end.

Checked when a flow starts and again when it ends (docs/security-checklist.md S9).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages.other_browser import next_elsewhere

if TYPE_CHECKING:
    from django.http import HttpRequest

_MAX_LENGTH = 16_384  # characters; filters of a report are longer than one expects
# Of a URL that long, Django looks at the beginning alone: up to the end of its host.
_BEGINNING = 2048
_WHOLE_HOST = re.compile(r"(?:https?:)?//[^/\\?#]*[/\\?#]|[^:/\\?#]*[/?#]", re.IGNORECASE)
_NO_HOST = re.compile(r"\s*[/\\]{2}(?:[/\\?#\s]|$)")  # browsers go nowhere: an empty host is an error to them
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # no URL has them, and PostgreSQL does not store NUL


def requested_next(request: HttpRequest) -> str:
    """Return the request's `next`, if it may be gone to, or an empty string."""
    # Only a POST has a form to parse.
    wanted = (request.method == "POST" and request.POST.get("next")) or request.GET.get("next", "")
    wanted = wanted or next_elsewhere(request)
    return wanted if may_go_to(wanted) else ""


def page_of(request: HttpRequest) -> str:
    """Return the page that the user is at: that of the request, or after a form, the one that has it."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    try:
        page = urlsplit(request.META.get("HTTP_REFERER", ""))
    except ValueError:  # brackets that do not match
        return ""
    return page._replace(scheme="", netloc="").geturl() if page.netloc == request.get_host() else ""


def destination(next_url: str) -> str:
    """Return `next_url` if it may be gone to, and `LOGIN_REDIRECT_URL` otherwise."""
    if may_go_to(next_url):
        return next_url
    default: Any = settings.LOGIN_REDIRECT_URL
    # A URL is taken as it is; only a name is resolved, because resolving a long URL fails.
    return default if isinstance(default, str) and default.startswith("/") else resolve_url(default)


def may_go_to(url: str) -> bool:
    """Whether `url` stays on this site or on a host of `ALLOWED_NEXT_HOSTS`.

    The site is at `BASE_URL` and `OTHER_BASE_URLS`, whatever the Host header says, which an attacker may have
    written.
    """
    if not url or len(url) > _MAX_LENGTH or _CONTROL.search(url) or _NO_HOST.match(url):
        return False
    beginning = url[:_BEGINNING]
    if beginning != url and not _WHOLE_HOST.match(beginning):
        return False
    hosts = {*(urlsplit(each).netloc for each in conf.base_urls), *conf.allowed_next_hosts}
    return url_has_allowed_host_and_scheme(beginning, allowed_hosts=hosts, require_https=conf.cookie_secure)
