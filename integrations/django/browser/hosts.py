"""At which of its hosts a site is asked: that of `BASE_URL`, or one of `OTHER_BASE_URLS`."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from stateful_oauth.django.conf import conf
from stateful_oauth.django.once import once

if TYPE_CHECKING:
    from django.http import HttpRequest

logger = logging.getLogger("stateful_oauth.hosts")

_TEST_CLIENT: Final = "testserver"  # what Django's test clients send, and no browser


def base_url_of(request: HttpRequest) -> str:
    """Return the base URL at which a request came; `BASE_URL` for a host that the settings do not name.

    Only a URL of the settings is returned: the Host header chooses among them, and no more.
    """
    if not conf.other_base_urls:
        return conf.base_url
    asked = request.get_host()
    by_host = {hostname(urlsplit(each).netloc): each for each in reversed(conf.base_urls)}
    by_port = {urlsplit(each).netloc: each for each in conf.base_urls}
    return by_port.get(asked) or by_host.get(hostname(asked)) or conf.base_url


def is_elsewhere(request: HttpRequest) -> bool:
    """Whether the browser is at a host that no callback leads to: its cookies would not be there.

    Ports do not matter, because cookies do not know them. Nor does a Host header that a proxy has replaced,
    where another header tells the browser's own: `X-Forwarded-Host`, or the origin of a form. A request
    without a Host header comes from no browser, and says nothing.

    Raises:
        DisallowedHost: `ALLOWED_HOSTS` does not have the host.
    """
    known = _known_hosts()
    asked = hostname(request.get_host())
    is_told = "HTTP_HOST" in request.META or "HTTP_X_FORWARDED_HOST" in request.META
    return (
        is_told
        and asked not in {*known, _TEST_CLIENT}
        and not known & {_forwarded(request), _sender(request)}
    )


def is_form_from_elsewhere(request: HttpRequest) -> bool:
    """Whether the page with this form is at the host that was asked, and no callback leads there."""
    return is_elsewhere(request) and _sender(request) == hostname(request.get_host())


def hostname(netloc: str) -> str:
    """Return a host without its port, as hosts are compared."""
    with suppress(ValueError):  # brackets that do not match
        return (urlsplit(f"//{netloc}").hostname or "").removesuffix(".")
    return ""


@lru_cache(maxsize=16)  # once for each host: such a proxy replaces it in every request
def warn_of_replaced_host(host: str) -> None:
    """Log that a proxy replaces the Host header, or that a browser does not follow to `BASE_URL`."""
    logger.warning(
        "sign-ins come with the Host header %s, and BASE_URL is %s: let your proxy pass the header on",
        ascii(host),
        conf.base_url,
    )


@once
def _known_hosts() -> frozenset[str]:
    return frozenset(hostname(urlsplit(each).netloc) for each in conf.base_urls)


def _forwarded(request: HttpRequest) -> str:
    return hostname(request.META.get("HTTP_X_FORWARDED_HOST", "").partition(",")[0].strip())


def _sender(request: HttpRequest) -> str:
    """Return the host of the page whose form was sent; of a GET it may be any page with a link."""
    if request.method != "POST":
        return ""
    with suppress(ValueError):
        sender = urlsplit(request.META.get("HTTP_ORIGIN") or request.META.get("HTTP_REFERER", ""))
        return hostname(sender.netloc)
    return ""
