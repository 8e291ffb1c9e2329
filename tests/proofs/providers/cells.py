"""What is tried at each provider: one function a column of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client, override_settings

from stateful_oauth.django import access_token, wiring
from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import FlowTransaction, Grant
from stateful_oauth.testing.browser import Browser
from tests.proofs.providers.foreign import Person, Receiver, Server, Variant, parameters
from tests.support.project_requests import request_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SITE: Final = "https://app.example"
SECRET: Final = "a-secret-of-the-foreign-providers-that-is-long-enough-0123456789"


class Tried:
    """One variant, with its server and a fresh browser for each cell."""

    def __init__(self, variant: Variant, server: Server, receiver: Receiver) -> None:
        self.variant, self.server, self.receiver = variant, server, receiver

    @property
    def issuer(self) -> str:
        """The issuer, for the browser's own checks."""
        return self.server.issuer

    def visitor(self) -> Person:
        """Return a person at the provider."""
        return Person(SITE)

    def browser(self) -> Any:
        """Return a browser, at the site and at the provider."""
        return Browser(self)  # type: ignore[arg-type]


def _sign_in(tried: Tried) -> str:
    browser = tried.browser()
    browser.sign_in("ada")
    assert browser.user_id, _last()
    user = get_user_model().objects.get(pk=browser.user_id)
    assert user.email == "ada@example.com", f"the email is {user.email!r}"
    again = tried.browser()
    again.sign_in("ada")
    assert again.user_id == browser.user_id, "another user at the second sign-in"
    return "yes"


def _par(tried: Tried) -> str:
    location = tried.browser().start()
    assert parameters(location).keys() == {"client_id", "request_uri"}, location
    return "yes"


def _sign_out(tried: Tried) -> str:
    browser = tried.browser()
    browser.sign_in("ada")
    left = browser.post("/auth/logout/")["Location"]
    assert browser.user_id is None
    assert left.startswith(tried.server.issuer), left
    assert browser.visitor.go(left).startswith(f"{SITE}/"), left
    return "yes"


def _refresh(tried: Tried) -> str:
    browser = tried.browser()
    browser.sign_in("ada")
    Grant.objects.update(access_tokens="")
    assert access_token(request_of(browser))
    browser.post("/auth/logout/")
    recover_due()
    rows = FlowTransaction.objects.filter(kind="end_grant")
    assert not rows.exclude(state="ended").exists(), rows.values_list("state", "code")
    return "yes, and revoked" if rows else "yes; it revokes none"


def _userinfo(tried: Tried) -> str:
    with override_settings(STATEFUL_OAUTH={**_settings(), "USERINFO": "never"}):
        _forget()
        browser = tried.browser()
        browser.sign_in("ada")
        assert browser.user_id, _last()
    _forget()
    return "yes: the ID token has no email"


def _key_rotation(tried: Tried) -> str:
    tried.browser().sign_in("ada")
    tried.server.stop()
    tried.server.start()
    browser = tried.browser()
    browser.sign_in("ada")
    assert browser.user_id, _last()
    return "yes"


def _back_channel(tried: Tried) -> str:
    first, second = tried.browser(), tried.browser()
    second.visitor = first.visitor  # one session at the provider
    for browser in (first, second):
        browser.sign_in("ada")
        assert browser.user_id, _last()
    tried.receiver.forget()
    first.visitor.go(first.post("/auth/logout/")["Location"])
    form = "application/x-www-form-urlencoded"
    site = Client(headers={"host": "app.example"})
    answer = site.post("/auth/backchannel-logout/", tried.receiver.take(), content_type=form, secure=True)
    assert answer.status_code == 200, answer.content
    assert second.user_id is None, "the other session goes on"
    return "yes"


def _errors(tried: Tried) -> str:
    browser = tried.browser()
    response = browser.get(browser.visitor.authorize(browser.start(), declines=True))
    assert "access_denied" in response["Location"], response["Location"]
    return "yes"


CELLS: Final[dict[str, Callable[[Tried], str]]] = {
    "sign-in": _sign_in,
    "PAR": _par,
    "sign-out": _sign_out,
    "refresh": _refresh,
    "userinfo": _userinfo,
    "key rotation": _key_rotation,
    "back-channel": _back_channel,
    "errors": _errors,
}


def run_variant(variant: Variant, folder: Path) -> dict[str, str]:
    """Try every cell, and return what came of each."""
    receiver = Receiver()
    known = {"secret": SECRET, "callback": f"{SITE}/auth/callback/", "home": f"{SITE}/"}
    known["backchannel"] = receiver.url
    server = Server(variant, folder, known)
    server.start()
    settings = {
        "BASE_URL": SITE,
        "ISSUER": server.issuer,
        "CLIENT_ID": "web",
        "CLIENT_SECRET": SECRET,
        "ALLOW_INSECURE_HTTP_ON_LOOPBACK": True,
        **{
            key: value.format(issuer=server.issuer) if key == "REVOCATION_ENDPOINT" else value
            for key, value in variant.settings.items()
        },
    }
    try:
        with override_settings(STATEFUL_OAUTH=settings):
            return {
                name: _tried(cell, name, Tried(variant, server, receiver)) for name, cell in CELLS.items()
            }
    finally:
        server.stop()
        receiver.close()


def _tried(cell: Callable[[Tried], str], name: str, tried: Tried) -> str:
    if name in tried.variant.lacks:
        return f"not tried: {tried.variant.lacks[name]}"
    _forget()
    cache.clear()
    FlowTransaction.objects.all().delete()
    try:
        return cell(tried)
    except Exception as error:  # noqa: BLE001 - a table says what every cell came to
        return f"FAILED {type(error).__name__}: {str(error)[:400]}"


def _settings() -> dict[str, Any]:
    from django.conf import settings

    return dict(settings.STATEFUL_OAUTH)


def _forget() -> None:
    for made in (wiring.provider, wiring.engine, wiring.access_tokens):
        made.cache_clear()


def _last() -> str:
    row = FlowTransaction.objects.order_by("-id").first()
    record = None if row is None else row.records.order_by("-sequence").first()
    return "no row" if row is None else f"{row.state} {row.code} {record and record.detail}"
