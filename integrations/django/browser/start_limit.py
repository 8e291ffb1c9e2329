"""How many new browsers one client may bring: visitors without cookies would otherwise make rows without end.

A browser that has a binding cookie is bounded by `OPEN_PER_BROWSER`. A client without one looks new at every
start, so its starts are counted by its network address, in Django's default cache.
"""

from __future__ import annotations

import logging
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from django.core.cache import cache

from stateful_oauth.django import wiring
from stateful_oauth.django.browser.binding import current_binding
from stateful_oauth.django.conf import conf
from stateful_oauth.django.keyed_digests import keyed_digest
from stateful_oauth.django.once import once
from stateful_oauth.flows.engine.secret import Secret

if TYPE_CHECKING:
    from ipaddress import IPv4Address

    from django.http import HttpRequest

logger = logging.getLogger("stateful_oauth.browser")

WINDOW: Final = 300  # seconds in which starts are counted
_SALT: Final = "stateful_oauth.start_limit"
_COUNTED: Final = "_stateful_oauth_start_counted"
_IPV6_SITE: Final = 64  # bits: one customer has at least such a network (RFC 6177 §2)


def seconds_until_start(request: HttpRequest) -> int:
    """Count this start, and return for how many seconds the client has to wait: 0 if it may start now.

    Counts a request once, and only one of a browser without a binding. A cache that fails is logged, and
    refuses no user. `STARTS_PER_CLIENT` is the bound, and 0 switches it off.
    """
    limit = conf.starts_per_client
    if not limit or hasattr(request, _COUNTED) or current_binding(request) is not None:
        return 0
    setattr(request, _COUNTED, True)
    client = client_network(request)
    if client is None:
        return 0
    window, passed = divmod(int(wiring.clock.now().timestamp()), WINDOW)
    started = _counted(f"{_SALT}.{window}.{keyed_digest(_SALT, Secret(client)).hex()}")
    if started == limit + 1:
        logger.warning(
            "a client without cookies has started %d times within %d s (STARTS_PER_CLIENT): its next starts "
            "get 429. If all your visitors come through one proxy, set TRUSTED_PROXIES.",
            limit,
            WINDOW,
        )
    return WINDOW - passed if started > limit else 0


def client_network(request: HttpRequest) -> str | None:
    """Return the client's address, for IPv6 its network of 64 bits; None where it is not known.

    Behind `TRUSTED_PROXIES` proxies it is the entry of `X-Forwarded-For` that the outermost of them added:
    a client can write any number of entries before that one. Without the setting, the address of a local
    network is taken for a proxy's, and all visitors come from there.
    """
    proxies = conf.trusted_proxies
    if not proxies:
        address = _parsed(request.META.get("REMOTE_ADDR", ""))
        if address is None or not address.is_global:
            if "HTTP_X_FORWARDED_FOR" in request.META:
                _warn_of_proxy()
            return None
        return _network(address)
    forwarded = [each.strip() for each in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    address = _parsed(forwarded[-proxies]) if len(forwarded) >= proxies else None
    if address is None:  # the request passed fewer proxies, and this is the one that it came through
        address = _parsed(request.META.get("REMOTE_ADDR", ""))
    return None if address is None else _network(address)


def _counted(key: str) -> int:
    try:
        cache.add(key, 0, timeout=WINDOW)
        return cache.incr(key)
    except Exception as error:  # noqa: BLE001 - whatever the client of the project's cache raises
        logger.warning("starts of new browsers could not be counted: %s", type(error).__name__)
        return 0


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address, which some proxies write with a port: `192.0.2.1:4711`, `[2001:db8::1]:4711`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), _IPV6_SITE), strict=False))
    return str(address)


@once
def _warn_of_proxy() -> None:
    logger.warning(
        "requests come through a proxy, so that starts without cookies are not limited: set TRUSTED_PROXIES "
        "to the number of proxies that add to X-Forwarded-For"
    )
