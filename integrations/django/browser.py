"""The binding cookie: it ties transactions to the browser that started them.

The cookie holds random ids of this browser, each with the time of its last use, signed by this site. A row
keeps the digest of the id that was current when it started. The cookie is apart from the session on purpose:
starting a sign-in makes no session row, and `login()` may flush the session without losing the other tabs
(docs/security-checklist.md S1, S8).

Browsers keep other hosts of a domain from setting a `__Host-` cookie (RFC 6265bis §4.1.3). They compare the
name byte by byte; Django's parser strips Unicode white space from names. So the name is looked for in the raw
header, and `request.COOKIES` is never asked.
"""

from __future__ import annotations

import logging
import re
import secrets
import unicodedata
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from django.core.signing import BadSignature, Signer
from django.utils.crypto import salted_hmac

from stateful_oauth.django import wiring
from stateful_oauth.django.conf import conf
from stateful_oauth.django.once import once
from stateful_oauth.flows.engine.identifiers import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest, HttpResponse

logger = logging.getLogger("stateful_oauth.browser")

_SALT: Final = "stateful_oauth.browser"
_RANDOM_BYTES: Final = 16
_ENTRY: Final = re.compile(r"([A-Za-z0-9_-]{22})\.([0-9]{1,12})")
_EARLIER: Final = 10  # ids; as many attempts as a browser may have open by default
_OLD_TABS: Final = 60 * 60  # seconds
_LONGEST: Final = 2 * 60 * 60  # seconds
_SKEW: Final = 60  # seconds by which the clocks of two workers may differ
_SHOWN: Final = 80  # characters of a look-alike's name in the log

_READ: Final = "_stateful_oauth_binding"  # what a request was found to hold
_PENDING: Final = "_stateful_oauth_binding_to_send"  # what its response has to set


@dataclass(frozen=True, slots=True, repr=False)
class _Id:
    """One id of a browser.

    Attributes:
        used_at: Seconds since the epoch: when it was issued, or last started something.
    """

    secret: str
    used_at: int


@dataclass(frozen=True, slots=True, repr=False)
class Binding:
    """What the cookie of one browser says.

    Attributes:
        ids: The current id first, then the earlier ones: what they started goes on after a renewal.
    """

    ids: tuple[_Id, ...]

    @property
    def browser(self) -> bytes:
        """What a row keeps of the current id: a digest of 16 bytes."""
        return digest(self.ids[0].secret)

    @property
    def browsers(self) -> tuple[bytes, ...]:
        """The digests of all ids, the current one first."""
        return tuple(digest(each.secret) for each in self.ids)

    @property
    def value(self) -> str:
        """The cookie's value: every id with its time, and a signature under `SECRET_KEY`."""
        return _signer().sign("~".join(f"{each.secret}.{each.used_at}" for each in self.ids))

    def used_now(self) -> Binding:
        """Return the same ids, the current one used now: something is being started with it."""
        return replace(self, ids=(replace(self.ids[0], used_at=_now()), *self.ids[1:]))

    def watched(self, browser: bytes) -> Binding | None:
        """Return the same ids, the current one and another one used now; None while that one is young.

        Args:
            browser: The digest of the other one.
        """
        now = _now()
        ids = {
            each.secret for each in self.ids if digest(each.secret) == browser and _is_half_over(each, now)
        }
        if not ids:
            return None
        ids.add(self.ids[0].secret)  # or it would end before an earlier one
        return Binding(tuple(replace(each, used_at=now) if each.secret in ids else each for each in self.ids))

    def renewed(self, user_id: str) -> Binding:
        """Return a binding with another current id, which carries the ids of before.

        Every delivery of one callback comes to the same id, and so do two tabs in which one user signs in at
        once: whichever answer the browser gets last, it keeps what was started meanwhile. It takes the site's
        key, the id and the user to compute it, so that planting an id tells nothing about its successor.

        Args:
            user_id: The primary key of who has signed in.
        """
        mac = salted_hmac(_SALT + ".renewed", f"{self.ids[0].secret}\0{user_id}", algorithm="sha256").digest()
        secret = urlsafe_b64encode(mac[:_RANDOM_BYTES]).rstrip(b"=").decode()
        return Binding((_Id(secret, _now()), *self.ids[:_EARLIER]))


@once
def cookie_name() -> str:
    """Return the cookie's name. `__Host-` keeps other hosts of the domain from planting one (RFC 6265bis)."""
    return f"__Host-{conf.cookie_name}" if conf.cookie_secure else conf.cookie_name


@once
def binding_lifetime() -> int:
    """Return for how many seconds an id counts after it last started something.

    As long as an attempt can live, and for an hour more: an old tab is told what became of its attempt.
    """
    return min(_LONGEST, conf.attempt_lifetime + _OLD_TABS)


def new_binding() -> Binding:
    """Return a binding with one id: 128 random bits."""
    return Binding((_Id(secrets.token_urlsafe(_RANDOM_BYTES), _now()),))


def read_binding(request: HttpRequest) -> Binding | None:
    """Return the binding that the browser sent, if this site issued it and it is not over.

    A look-alike of the cookie is not read, and a second cookie of the exact name means none; both are logged
    as a warning. No browser sends the like by itself.
    """
    if not hasattr(request, _READ):
        setattr(request, _READ, _read(request))
    found: Binding | None = getattr(request, _READ)
    return found


def binding_of(value: str) -> Binding | None:
    """Return the binding that a cookie's value holds; None for one that is not ours, or is over."""
    try:
        text = _signer().unsign(value)
    except BadSignature:
        return None
    now, lifetime = _now(), binding_lifetime()
    found = (_ENTRY.fullmatch(entry) for entry in text.split("~"))
    ids = [_Id(match[1], int(match[2])) for match in found if match is not None]
    if not ids or not _is_alive(ids[0], now, lifetime):
        return None
    return Binding(tuple(each for each in ids if _is_alive(each, now, lifetime)))


def bind(request: HttpRequest) -> Binding:
    """Return the browser's binding for something that starts now, and have the response set the cookie."""
    known = current_binding(request)
    return _pend(request, new_binding() if known is None else known.used_now())


def renew_binding(request: HttpRequest, user_id: str) -> None:
    """Give the browser another id, because a user signs in: knowing the earlier id does not tell the new one.

    Without a binding there is nothing to renew: the next start issues one.
    """
    known = current_binding(request)
    if known is not None:
        _pend(request, known.renewed(user_id))


def watch_binding(request: HttpRequest, browser: bytes) -> None:
    """Keep an id of this browser alive while it watches something that is still worked on.

    Args:
        browser: What the row keeps of the id.
    """
    known = current_binding(request)
    watched = None if known is None else known.watched(browser)
    if watched is not None:
        _pend(request, watched)


def keep_binding(request: HttpRequest) -> None:
    """Drop a renewal: the sign-in that it belonged to was not made."""
    if hasattr(request, _PENDING):
        delattr(request, _PENDING)


def current_binding(request: HttpRequest) -> Binding | None:
    """Return the binding that the browser has: the one that the response sets, or else the one it sent."""
    pending: Binding | None = getattr(request, _PENDING, None)
    return read_binding(request) if pending is None else pending


def write_binding(request: HttpRequest, response: HttpResponse) -> None:
    """Set the cookie, if the request started something or signed a user in. `respond` does it for you."""
    pending: Binding | None = getattr(request, _PENDING, None)
    if pending is not None and cookie_name() not in response.cookies:
        send_binding(response, pending)


def send_binding(response: HttpResponse, binding: Binding) -> None:
    """Set the cookie. `Lax`, because the provider's redirect back is a cross-site navigation."""
    response.set_cookie(
        cookie_name(),
        binding.value,
        max_age=binding_lifetime(),
        secure=conf.cookie_secure,
        httponly=True,
        samesite="Lax",
    )


def forget_binding(response: HttpResponse) -> None:
    """Delete the cookie, so that callbacks from before the sign-out belong to no browser."""
    response.delete_cookie(cookie_name(), samesite="Lax")


def _signer() -> Signer:
    return Signer(salt=_SALT)  # reads SECRET_KEY_FALLBACKS as well


def _now() -> int:
    return int(wiring.clock.now().timestamp())


def _is_alive(each: _Id, now: int, lifetime: int) -> bool:
    return -_SKEW <= now - each.used_at <= lifetime


def _is_half_over(each: _Id, now: int) -> bool:
    return now - each.used_at > binding_lifetime() / 2


def _pend(request: HttpRequest, binding: Binding) -> Binding:
    setattr(request, _PENDING, binding)
    return binding


def _read(request: HttpRequest) -> Binding | None:
    ours = cookie_name()
    values = []
    for name, value in _pairs(request):
        if name == ours.encode():
            values.append(value)
        elif _looks_like(name, ours):
            shown = ascii(name.decode("utf-8", "replace"))[:_SHOWN]
            logger.warning("the cookie %s looks like %s and was not read: it may be planted", shown, ours)
    if len(values) > 1:
        logger.warning("the cookie %s was sent %s times and was not read", ours, len(values))
        return None
    return binding_of(values[0].decode("ascii", "replace")) if values else None


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
    """Whether a parser that is more lenient than a browser could take a name for ours."""
    wanted = ours.casefold()
    if name.isascii():
        return _folded(name.decode()) == wanted
    return wanted in (_folded(name.decode("latin-1")), _folded(name.decode("utf-8", "ignore")))


def _folded(name: str) -> str:
    """Return a name without case, compatibility forms, white space and control characters."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(c for c in text if not c.isspace() and unicodedata.category(c)[0] not in "CZ")
