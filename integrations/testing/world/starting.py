"""Rules of starting: requests that are no navigation, and the first tabs of a browser, opened at once."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Final

import hypothesis.strategies as st
from django.urls import reverse

from stateful_oauth.django.browser.binding import cookie_name
from stateful_oauth.django.conf import conf
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.world.base_state_machine import BaseStateMachine, precondition, rule
from stateful_oauth.testing.world.sign_in import SignIn
from stateful_oauth.testing.world.strategies import browser_numbers, numbers
from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    from django.http import HttpResponse

    from stateful_oauth.testing.browser import Browser
    from stateful_oauth.testing.world.tabs import Tab

BACKGROUND_REQUESTS: Final = {
    "fetch": {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_SEC_FETCH_DEST": "empty"},
    "an image": {"HTTP_SEC_FETCH_MODE": "no-cors", "HTTP_SEC_FETCH_DEST": "image"},
    "htmx": {"HTTP_HX_REQUEST": "true"},
    "a prefetch": {"HTTP_SEC_PURPOSE": "prefetch"},
}


def without_binding(world: BaseStateMachine) -> list[int]:
    """Return the browsers that have started nothing yet, or have signed out."""
    return [number for number, browser in enumerate(world.browsers) if not _is_bound(browser)]


class Starting(SignIn):
    """Rules of starting sign-ins, beside the plain one."""

    @rule(browser=browser_numbers(), how=st.sampled_from(sorted(BACKGROUND_REQUESTS)))
    def ask_in_background(self, browser: int, how: str) -> None:
        """Ask for a sign-in by a request that is no navigation: it starts nothing."""
        tab = self.new_tab(browser, "login")
        self.trace.note(f"Browser {tab.browser + 1} asks for a sign-in in the background: {how}.")
        opened, url = self.browsers[tab.browser], reverse("stateful_oauth:login")
        before = _number_of_sign_ins()
        response = self.ask("login", tab, lambda: opened.get(url, **BACKGROUND_REQUESTS[how]))
        has_started = _number_of_sign_ins() != before
        # Django deletes the cookie of a session that is over, and the test client sends deleted ones.
        if response is None or response.status_code != 401 or _sets_cookies(response) or has_started:
            raise Violation("only a navigation starts a flow", f"{how} started a sign-in")

    @precondition(without_binding)
    @rule(browser=numbers(), number=st.integers(2, 3))
    def start_first_tabs(self, browser: int, number: int) -> None:
        """Start a sign-in in several tabs at once: no request has a cookie, and every response sets some."""
        chosen: int = self.pick(browser, without_binding(self))
        client = self.browsers[chosen].client
        before, after = client.cookies, SimpleCookie()
        after.update(before)
        self.trace.note(f"Browser {chosen + 1} opens {number} tabs at once.")
        for _ in range(number):
            client.cookies = SimpleCookie()
            client.cookies.update(before)
            self.starts(chosen)
            after.update(client.cookies)
        client.cookies = after

    @precondition(lambda self: any(tab.rows for tab in self.tabs))
    @rule(tab=numbers())
    def use_another_account(self, tab: int) -> None:
        """Press "Use another account" of a tab's error page: the provider asks, whatever session it has."""
        chosen: Tab = self.pick(tab, [each for each in self.tabs if each.rows])
        new = self.new_tab(chosen.browser, "login")
        self.trace.note(f"Browser {new.browser + 1} uses another account than that of {chosen}, in {new}.")
        form = {"attempt": str(chosen.rows[0]), "account": "another", "next": f"/tab-{new.number}/"}
        opened, url = self.browsers[new.browser], reverse("stateful_oauth:login")
        self.ask("login", new, lambda: opened.post(url, form))
        for row in FlowTransaction.objects.filter(pk__in=new.rows, kind="login"):
            if (
                row.inputs.get("parameters", {}).get("prompt")
                != conf.tenant(row.tenant).another_account_prompt
            ):
                raise Violation("no page leads to the same refusal", f"{new} asks for no other account")


def _number_of_sign_ins() -> int:
    return FlowTransaction.objects.filter(kind="login").count()


def _sets_cookies(response: HttpResponse) -> bool:
    return any(cookie.value for cookie in response.cookies.values())


def _is_bound(browser: Browser) -> bool:
    cookie = browser.client.cookies.get(cookie_name())
    return cookie is not None and bool(cookie.value)
