"""Which URLs may be called: https, and plain http to this machine if that is allowed."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

LOOPBACK_HOSTS: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def check_url(url: object, name: str, *, allow_http_on_loopback: bool) -> str:
    """Return an absolute URL that may be called.

    Args:
        name: What it is, for the message; the URL itself is not shown, because it may carry a password.
        allow_http_on_loopback: Accept http for 127.0.0.1, ::1 and localhost.

    Raises:
        ValueError: It is anything else.
    """
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(f"{name} must be an absolute URL of printable ASCII characters.")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{name} is not a valid URL.") from None
    if not host or "@" in parts.netloc or "\\" in url:
        raise ValueError(f"{name} must have a host, and neither user nor password.")
    if "#" in url:
        raise ValueError(f"{name} must not have a fragment.")
    if parts.scheme == "https" or (
        parts.scheme == "http" and allow_http_on_loopback and host in LOOPBACK_HOSTS
    ):
        return url
    raise ValueError(
        f"{name} must be https; plain http works only for {', '.join(sorted(LOOPBACK_HOSTS))}, "
        "and only with allow_insecure_http_on_loopback."
    )
