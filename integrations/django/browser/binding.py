"""The binding cookie: it ties transactions to the browser that started them.

The cookie holds random ids of this browser, each with the time of its last use, signed by this site. A row
keeps the digest of the id that was current when it started. The cookie is apart from the session on purpose:
starting a sign-in makes no session row, and `login()` may flush the session without losing the other tabs
(docs/security-checklist.md S1, S8).

A browser that opens several tabs at once, as when it restores them, has no cookie to send. Each response then
issues another id, and of the cookie itself the browser keeps only the value that comes last. So each of these
ids has a cookie of its own, too, whose name is made from the id. These cookies count only beside the cookie
itself, and are deleted when it holds their ids.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from django.core.signing import BadSignature, Signer

from stateful_oauth.django import wiring
from stateful_oauth.django.browser.binding_cookies import (
    cookie_name,
    delete_cookie,
    sent_cookies,
    set_cookie,
    tab_cookie_name,
)
from stateful_oauth.django.conf import conf
from stateful_oauth.django.keyed_digests import keyed_digest
from stateful_oauth.django.once import once
from stateful_oauth.flows.engine.identifiers import digest
from stateful_oauth.flows.engine.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from django.http import HttpRequest, HttpResponse

__all__ = ["Binding", "bind", "binding_of", "cookie_name"]

_SALT: Final = "stateful_oauth.browser"
_RANDOM_BYTES: Final = 16
_ENTRY: Final = re.compile(r"([A-Za-z0-9_-]{22})\.([0-9]{1,12})")
_EARLIER: Final = 10  # ids; as many attempts as a browser may have open by default
_OLD_TABS: Final = 60 * 60  # seconds
_LONGEST: Final = 2 * 60 * 60  # seconds
_SKEW: Final = 60  # seconds by which the clocks of two workers may differ
_FIRST_TABS: Final = 20  # ids that have a cookie of their own
_IN_FLIGHT: Final = 120  # seconds for which a response to a first tab may be on its way

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

    @property
    def text(self) -> str:
        """What a cookie keeps of it."""
        return f"{self.secret}.{self.used_at}"


@dataclass(frozen=True, slots=True, repr=False)
class Binding:
    """What the cookie of one browser says.

    Attributes:
        ids: The current id first, then the earlier ones: what they started goes on after a renewal.
        tabs: Those that have a cookie of their own.
    """

    ids: tuple[_Id, ...]
    tabs: tuple[_Id, ...] = ()

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
        """The cookie's value: the first ids with their times, and a signature under `SECRET_KEY`."""
        return _signer().sign("~".join(each.text for each in self.ids[: 1 + _EARLIER]))

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
        watched = (replace(each, used_at=now) if each.secret in ids else each for each in self.ids)
        return replace(self, ids=tuple(watched))

    def renewed(self, user_id: str) -> Binding:
        """Return a binding with another current id, which carries the ids of before.

        Every delivery of one callback comes to the same id, and so do two tabs in which one user signs in at
        once: with any answer as the last, the browser keeps what was started meanwhile. It takes the site's
        key, the id and the user to compute it, so that planting an id tells nothing about its successor.

        Args:
            user_id: The primary key of who has signed in.
        """
        mac = keyed_digest(_SALT + ".renewed", Secret(f"{self.ids[0].secret}\0{user_id}"))
        renewed = _Id(urlsafe_b64encode(mac[:_RANDOM_BYTES]).rstrip(b"=").decode(), _now())
        ids = (renewed, *(each for each in self.ids if each.secret != renewed.secret))
        return Binding(ids, self._tabs_with(renewed))

    def _tabs_with(self, renewed: _Id) -> tuple[_Id, ...]:
        """Return the ids with a cookie of their own after a renewal.

        The new id is one of them while a response to a first tab may be on its way: it replaces the cookie.
        """
        others = tuple(each for each in self.tabs if each.secret != renewed.secret)
        may_be_replaced = any(renewed.used_at - each.used_at <= _IN_FLIGHT for each in others)
        return (renewed, *others) if may_be_replaced and len(others) < _FIRST_TABS else others


@once
def binding_lifetime() -> int:
    """Return for how many seconds an id counts after it last started something.

    As long as an attempt can live, and for an hour more: an old tab is told what became of its attempt.
    """
    return min(_LONGEST, conf.attempt_lifetime + _OLD_TABS)


def new_binding() -> Binding:
    """Return a binding with one id: 128 random bits. Another tab may get another one at the same time."""
    first = (_Id(secrets.token_urlsafe(_RANDOM_BYTES), _now()),)
    return Binding(first, first)


def read_binding(request: HttpRequest) -> Binding | None:
    """Return the binding that the browser sent, if this site issued it and it is not over.

    See `sent_cookies` for what is not read.
    """
    found: Binding | None = _read(request)[0]
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
    """Set the cookies, if the request started something or signed a user in. `respond` does it for you."""
    pending: Binding | None = getattr(request, _PENDING, None)
    if pending is not None and cookie_name() not in response.cookies:
        known = _read(request)[1]
        _forget(response, known - send_binding(response, pending, known=known))


def send_binding(response: HttpResponse, binding: Binding, *, known: Collection[str] = ()) -> set[str]:
    """Set the cookies.

    Args:
        known: The names of those that the browser has.

    Returns:
        The names of the cookies of the binding's tabs, whether they were set or known.
    """
    set_cookie(response, cookie_name(), binding.value, max_age=binding_lifetime())
    names = set()
    for each in binding.tabs:
        name = tab_cookie_name(each.secret)
        names.add(name)
        if name not in known:
            set_cookie(response, name, _tab_signer().sign(each.text), max_age=binding_lifetime())
    return names


def forget_binding(request: HttpRequest, response: HttpResponse) -> None:
    """Delete the cookies, so that callbacks from before the sign-out belong to no browser."""
    _forget(response, [cookie_name(), *_read(request)[1]])


def _forget(response: HttpResponse, names: Iterable[str]) -> None:
    for name in names:
        delete_cookie(response, name)


@once
def _signer() -> Signer:
    return Signer(salt=_SALT)  # reads SECRET_KEY_FALLBACKS as well


@once
def _tab_signer() -> Signer:
    return Signer(salt=_SALT + ".tab")  # so that none can stand in for the cookie itself


def _now() -> int:
    return int(wiring.clock.now().timestamp())


def _is_alive(each: _Id, now: int, lifetime: int) -> bool:
    return -_SKEW <= now - each.used_at <= lifetime


def _is_half_over(each: _Id, now: int) -> bool:
    return now - each.used_at > binding_lifetime() / 2


def _pend(request: HttpRequest, binding: Binding) -> Binding:
    setattr(request, _PENDING, binding)
    return binding


def _read(request: HttpRequest) -> tuple[Binding | None, frozenset[str]]:
    """Return what the browser sent: its binding, and the names of the cookies of first tabs."""
    if not hasattr(request, _READ):
        sent = sent_cookies(request)
        binding = None if sent.value is None else binding_of(sent.value)
        if binding is not None:
            tabs = (_id_of_tab(name, value) for name, value in sent.tabs.items())
            binding = _with_tabs(binding, [each for each in tabs if each is not None])
        setattr(request, _READ, (binding, frozenset(sent.tabs)))
    found: tuple[Binding | None, frozenset[str]] = getattr(request, _READ)
    return found


def _id_of_tab(name: str, value: str) -> _Id | None:
    """Return the id that the cookie of a first tab holds; None for one that is not ours, or is over."""
    try:
        match = _ENTRY.fullmatch(_tab_signer().unsign(value))
    except BadSignature:
        return None
    if match is None or tab_cookie_name(match[1]) != name:
        return None
    found = _Id(match[1], int(match[2]))
    return found if _is_alive(found, _now(), binding_lifetime()) else None


def _with_tabs(binding: Binding, tabs: Collection[_Id]) -> Binding:
    """Return what a browser has, with the ids of its first tabs.

    An id needs no cookie of its own any more once the cookie itself has come back with it, and no response
    to a first tab can be on its way.
    """
    newest = sorted(tabs, key=lambda each: (each.used_at, each.secret), reverse=True)[:_FIRST_TABS]
    known, now = {each.secret for each in binding.ids}, _now()
    others = (each for each in newest if each.secret not in known)
    kept = (each for each in newest if each.secret not in known or now - each.used_at <= _IN_FLIGHT)
    return Binding((*binding.ids, *others), tuple(kept))
