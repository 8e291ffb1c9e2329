"""Origins as browsers write them (WHATWG URL Standard): a setting is compared with what they send."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def as_browsers_write(url: str) -> str:
    """Return a URL without slashes at its end, its scheme and host as browsers send them.

    `https://Bücher.example:443/` becomes `https://xn--bcher-kva.example`. What is no URL stays as it is.
    """
    url = url.rstrip("/")
    with suppress(ValueError):  # no port, or brackets that do not match
        parts = urlsplit(url)
        if parts.hostname and parts.username is None and not parts.netloc.endswith(":"):
            port = parts.port
            host = _host(parts.hostname)
            is_default = port is None or port == _DEFAULT_PORTS.get(parts.scheme)
            return parts._replace(netloc=host if is_default else f"{host}:{port}").geturl()
    return url


def _host(name: str) -> str:
    if ":" in name:
        return f"[{IPv6Address(name).compressed}]"
    return ".".join(map(_label, name.split(".")))


def _label(label: str) -> str:
    if label.isascii():
        return label
    composed = unicodedata.normalize("NFKC", label).lower()
    return f"xn--{composed.encode('punycode').decode()}"
