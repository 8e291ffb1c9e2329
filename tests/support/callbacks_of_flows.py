"""One callback of each flow that has one: started, authorized, and not yet brought to the site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stateful_oauth.emulator import Callback, Tenant
from stateful_oauth.testing.browser import Browser
from tests.support.link_pages import asked

ADA, GMAIL = "ada@example.com", "ada@gmail.example"


def signing_in(tenant: Tenant, browser: Browser) -> Callback:
    return browser.authorize(browser.start("/profile/?of=login"), ADA)


def connecting(tenant: Tenant, browser: Browser) -> Callback:
    tenant.add_user(email=GMAIL, connection="google-oauth2", user_id="900", signed_up=False)
    browser.sign_in(ADA)
    form = {"connection": "google-oauth2", "next": "/profile/?of=connect"}
    return browser.visitor.connect(browser.post("/auth/connect/", form)["Location"], as_account=GMAIL)


def stepping_up(tenant: Tenant, browser: Browser) -> Callback:
    browser.sign_in(ADA)
    started = browser.post("/auth/step-up/", {"next": "/profile/?of=step-up", "max_age": "0"})
    return browser.authorize(started["Location"], ADA)


def linking(tenant: Tenant, browser: Browser) -> Callback:
    tenant.add_user(email="pair@example.com", connection="google-oauth2", user_id="901")
    tenant.add_user(email="pair@example.com", password="a good one", user_id="pair")
    question = asked(browser, browser.sign_in("auth0|pair", next_url="/profile/?of=link"))
    confirmed = browser.post(f"{question.address}confirm/", {"account": ""})
    return browser.authorize(confirmed["Location"], "google-oauth2|901")


FLOWS: Final[dict[str, Callable[[Tenant, Browser], Callback]]] = {
    "login": signing_in,
    "connect": connecting,
    "step-up": stepping_up,
    "link": linking,
}
