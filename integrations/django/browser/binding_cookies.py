"""The binding cookies in the headers of requests and responses: names, attributes, and look-alikes.

Browsers keep other hosts of a domain from setting a `__Host-` cookie (RFC 6265bis §4.1.3). They compare the
name byte by byte; Django's parser strips Unicode white space from names. So the names are looked for in the
raw header, and `request.COOKIES` is never asked.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from dataclasses import dataclass
from http.cookies import Morsel
from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.django.conf import conf
from stateful_oauth.django.keyed_digests import keyed_digest
from stateful_oauth.django.once import once

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger("stateful_oauth.browser")

_SALT: Final = "stateful_oauth.browser.tab"
_TAB: Final = re.compile(rb"-[0-9a-f]{8}")  # behind the name
_LOOKS_LIKE_TAB: Final = re.compile(r"-[0-9a-f]{8}")
_SHOWN: Final = 80  # characters of a look-alike's name in the log


@dataclass(frozen=True, slots=True, repr=False)
class SentCookies:
    """The binding cookies of one request.

    Attributes:
        value: Of the cookie itself; None if it was not sent, or more than once.
        tabs: The values of the cookies of first tabs, by name.
    """

    value: str | None
    tabs: Mapping[str, str]


@once
def cookie_name() -> str:
    """Return the cookie's name. `__Host-` keeps other hosts of the domain from planting one (RFC 6265bis)."""
    return f"__Host-{conf.cookie_name}" if conf.cookie_secure else conf.cookie_name


def tab_cookie_name(secret: str) -> str:
    """Return the name of the cookie that holds one id of a browser, and no other id."""
    tag = keyed_digest(_SALT, secret).hex()[:8]
    return f"{cookie_name()}-{tag}"


def sent_cookies(request: HttpRequest) -> SentCookies:
    """Return the binding cookies that the browser sent.

    A look-alike is not read, and a second cookie of one exact name means none; both are logged as a warning.
    No browser sends the like by itself.
    """
    ours = cookie_name()
    found: dict[str, list[str]] = {}
    for name, value in _pairs(request):
        if name == ours.encode() or (name.startswith(ours.encode()) and _TAB.fullmatch(name[len(ours) :])):
            found.setdefault(name.decode(), []).append(value.decode("ascii", "replace"))
        elif _looks_like(name, ours):
            shown = ascii(name.decode("utf-8", "replace"))[:_SHOWN]
            logger.warning("the cookie %s looks like %s and was not read: it may be planted", shown, ours)
    alone: dict[str, str] = {}
    for each, values in found.items():
        if len(values) > 1:
            logger.warning("the cookie %s was sent %s times and was not read", each, len(values))
        else:
            alone[each] = values[0]
    return SentCookies(alone.pop(ours, None), alone)


def set_cookie(response: HttpResponse, name: str, value: str, *, max_age: int) -> None:
    """Set a binding cookie.

    `Lax` by default, because the provider's redirect back is a cross-site navigation.
    """
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        secure=conf.cookie_secure,
        httponly=True,
        samesite=conf.cookie_samesite,
    )
    _partition(response, name)


def delete_cookie(response: HttpResponse, name: str) -> None:
    """Delete a binding cookie."""
    response.delete_cookie(name, samesite=conf.cookie_samesite)
    response.cookies[name]["secure"] = response.cookies[name]["secure"] or conf.cookie_secure
    _partition(response, name)


class _PartitionedMorsel(Morsel[str]):
    """A cookie of CHIPS (draft-cutler-httpbis-partitioned-cookies): Python 3.14 is the first to know it."""

    def OutputString(self, attrs: Any = None) -> str:  # noqa: N802 - as `Morsel` calls it
        return f"{super().OutputString(attrs)}; Partitioned"


def _partition(response: HttpResponse, name: str) -> None:
    if conf.cookie_partitioned:
        morsel = _PartitionedMorsel()
        morsel.__setstate__(response.cookies[name].__getstate__())  # type: ignore[attr-defined]  # as pickle does
        morsel.update(response.cookies[name])
        dict.__setitem__(response.cookies, name, morsel)


def _pairs(request: HttpRequest) -> Iterator[tuple[bytes, bytes]]:
    """Yield the names and values of the Cookie header, byte for byte (RFC 6265 §4.2.1)."""
    header = request.META.get("HTTP_COOKIE", "")
    try:
        raw = header.encode("latin-1")  # how WSGI (PEP 3333) and Django's ASGI handler put bytes into texts
    except UnicodeEncodeError:
        raw = header.encode("utf-8", "replace")
    for pair in raw.split(b";"):
        name, equals, value = pair.strip(b" \t").partition(b"=")
        if equals:
            yield name.rstrip(b" \t"), value


def _looks_like(name: bytes, ours: str) -> bool:
    """Whether a parser that is more lenient than a browser could take a name for one of ours."""
    wanted = ours.casefold()
    texts = [name.decode()] if name.isascii() else [name.decode("latin-1"), name.decode("utf-8", "ignore")]
    for text in texts:
        folded = _folded(text)
        rest = folded.removeprefix(wanted)
        if folded.startswith(wanted) and (not rest or _LOOKS_LIKE_TAB.fullmatch(rest)):
            return True
    return False


def _folded(name: str) -> str:
    """Return a name without case, compatibility forms, white space and control characters."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in text if not c.isspace() and unicodedata.category(c)[0] not in "CZ")
