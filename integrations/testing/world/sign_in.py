"""Rules of signing in: start, go to the provider, come back in every way there is, sign out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django.core.cache.backends.dummy import DummyCache
from django.urls import reverse

from stateful_oauth.emulator import PageShown
from stateful_oauth.flows.registry import BUILT_IN
from stateful_oauth.testing.world.base_state_machine import BaseStateMachine, not_twice, precondition, rule
from stateful_oauth.testing.world.memory import SignOut
from stateful_oauth.testing.world.strategies import (
    account_numbers,
    browser_numbers,
    callback_changes,
    faults,
    numbers,
    other_browsers,
)
from stateful_oauth.testing.world.tabs import addressed_row, fields_of

if TYPE_CHECKING:
    from django.http import HttpResponse

    from stateful_oauth.testing.world.faults import Fault
    from stateful_oauth.testing.world.tabs import Tab
    from stateful_oauth.testing.world.tenant_accounts import Account

# What a browser says a request is for.
_HEADERS: Final = {
    "a navigation": {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document"},
    "a prefetch": {"HTTP_SEC_PURPOSE": "prefetch;prerender"},
}


def at_provider(world: BaseStateMachine) -> list[Tab]:
    """Return the tabs that are on their way to the provider."""
    return [tab for tab in world.tabs if tab.at_provider and not tab.declined]


def come_back(world: BaseStateMachine) -> list[Tab]:
    """Return the tabs that the provider has sent back."""
    return [tab for tab in world.tabs if tab.callback is not None]


class SignIn(BaseStateMachine):
    """Rules of signing in and out, and of callbacks of every flow."""

    @rule(browser=browser_numbers(), faults=faults())
    def start_sign_in(self, browser: int, faults: tuple[Fault, ...] = ()) -> None:
        """Start a sign-in in a new tab."""
        self.starts(browser, faults)

    @rule(browser=browser_numbers(), account=account_numbers(), faults=faults())
    def sign_in(self, browser: int, account: int, faults: tuple[Fault, ...] = ()) -> None:
        """Sign in from the first page to the last; what goes wrong goes wrong at the callback."""
        tab = self.starts(browser)
        if tab.at_provider:
            self.authorizes(tab, self.accounts[account % len(self.accounts)], tab.browser)
        if tab.callback is not None:
            self.opens_callback(tab, tab.browser, "", faults)

    @precondition(at_provider)
    @rule(tab=numbers(), account=account_numbers(), browser=other_browsers())
    def authorize(self, tab: int, account: int, browser: int | None = None) -> None:
        """Go on at the provider as any account, mostly in the browser that was sent there.

        An attacker may hand the URL to another browser: the fixation of RFC 9700 §4.7.
        """
        chosen: Tab = self.pick(tab, at_provider(self))
        where = chosen.browser if browser is None else browser % len(self.browsers)
        self.authorizes(chosen, self.accounts[account % len(self.accounts)], where)

    @precondition(at_provider)
    @rule(tab=numbers())
    def decline(self, tab: int) -> None:
        """Decline at the provider."""
        chosen: Tab = self.pick(tab, at_provider(self))
        self.trace.note(f"The user declines at the provider in {chosen}.")
        chosen.declined = True
        self._comes_back(chosen, lambda: self.browsers[chosen.browser].visitor.decline(chosen.at_provider))

    @precondition(come_back)
    @rule(tab=numbers(), change=callback_changes(), browser=other_browsers(), faults=faults())
    def open_callback(
        self, tab: int, change: str = "", browser: int | None = None, faults: tuple[Fault, ...] = ()
    ) -> None:
        """Open a callback: for the first time or again, as it is or changed, mostly in its own browser."""
        chosen: Tab = self.pick(tab, come_back(self))
        where = chosen.browser if browser is None else browser % len(self.browsers)
        self.opens_callback(chosen, where, change, faults)

    # What rules are made of.

    def starts(self, browser: int, faults: tuple[Fault, ...] = ()) -> Tab:
        """Start a sign-in in a new tab, and return the tab."""
        tab = self.new_tab(browser, "login")
        self.trace.note(f"Browser {tab.browser + 1} starts a sign-in in {tab}.")
        opened = self.browsers[tab.browser]
        url = reverse("stateful_oauth:login") + "?" + urlencode({"next": f"/tab-{tab.number}/"})
        self.ask("login", tab, lambda: opened.get(url), faults)
        return tab

    def authorizes(self, tab: Tab, who: Account, browser: int) -> None:
        """Sign in, or choose an account to connect, at the provider."""
        place = "" if browser == tab.browser else f" in browser {browser + 1}"
        visitor = self.browsers[browser].visitor
        if self.memory.at_provider.get(browser, who) is not who:
            visitor.close_browser()  # its session there would answer for the user who was here before
        self.memory.at_provider[browser] = who
        self.trace.note(f"{who} goes on at the provider in {tab}{place}.")
        self._comes_back(
            tab,
            lambda: (
                visitor.connect(tab.at_provider, who.user_id)
                if "/connected-accounts/" in tab.at_provider
                else visitor.authorize(tab.at_provider, who.user_id, connection=who.connection)
            ),
        )

    def opens_callback(self, chosen: Tab, browser: int, change: str, faults: tuple[Fault, ...]) -> None:
        """Open the callback of a tab."""
        url, headers, method = self._changed(chosen, change)
        tab = chosen
        if browser != chosen.browser:
            tab = self.new_tab(browser, chosen.flow)
        how = f", changed: {change}" if change else ""
        if change:
            self.figures.happened[f"callback is changed: {change}"] += 1
        where = f" in browser {browser + 1}" if browser != chosen.browser else ""
        self.trace.note(f"The callback of {chosen} is opened{where}{how}.")
        opened = self.browsers[browser]

        def deliver() -> HttpResponse:
            self.memory.deliver(tab, url)
            return opened.get(url, **headers) if method == "GET" else opened.head(url)

        self.memory.touch(addressed_row(url))
        waits = self.memory.waits_for(url)
        response = self.ask("callback", tab, deliver, faults)
        if change == "a navigation" and tab is not chosen and waits and response is not None:
            self.memory.see(url, response.status_code)

    @precondition(lambda self: any(tab.page for tab in self.tabs))
    @rule(tab=numbers(), faults=faults())
    def open_page(self, tab: int, faults: tuple[Fault, ...] = ()) -> None:
        """Open the page that a tab was sent to, or open it again."""
        chosen: Tab = self.pick(tab, [each for each in self.tabs if each.page])
        self.trace.note(f"{chosen} opens {urlsplit(chosen.page).path}.")
        self.memory.touch(*chosen.rows)
        opened, page = self.browsers[chosen.browser], chosen.page
        if urlsplit(page).path.startswith(reverse("stateful_oauth:restart").removesuffix("restart/")):
            self.ask("page", chosen, lambda: opened.get(page), faults)

    @precondition(lambda self: not_twice(self) and self.users)
    @rule(browser=browser_numbers(), faults=faults())
    def sign_out(self, browser: int, faults: tuple[Fault, ...] = ()) -> None:
        """Sign out."""
        number = browser % len(self.browsers)
        self.trace.note(f"Browser {number + 1} signs out.")
        response = self._sign_out(number, faults)
        if response is not None and not faults:
            self.memory.left = SignOut(number, response.get("Location", ""))

    def _sign_out(self, number: int, faults: tuple[Fault, ...] = ()) -> HttpResponse | None:
        tab, opened = self.new_tab(number, ""), self.browsers[number]
        response = self.ask("logout", tab, lambda: opened.post(reverse("stateful_oauth:logout")), faults)
        tab.at_provider = ""  # where it ends is not a sign-in
        if response is not None:
            self.memory.sign_out(number)
        return response

    # How.

    def _comes_back(self, tab: Tab, goes: Any) -> None:
        try:
            tab.callback = goes()
        except (PageShown, LookupError) as shown:
            self.trace.note(f"  the provider shows a page: {shown}")
            return
        for name in ("code", "connect_code"):
            if name in tab.callback.fields:
                self.site.gateway.learn({name: tab.callback.fields[name]})

    def _inject(self, code: str) -> None:
        """Note a code that comes under the `state` of another tab: a cache that keeps nothing forgets it."""
        if isinstance(caches[DEFAULT_CACHE_ALIAS], DummyCache):
            self.memory.injected.add(code)

    def _changed(self, tab: Tab, change: str) -> tuple[str, dict[str, str], str]:
        url = str(tab.callback)
        parts = urlsplit(url)
        fields = fields_of(url)
        headers = _HEADERS.get(change, {})
        method = "GET"
        others = [each for each in come_back(self) if each is not tab]
        other = dict(fields_of(str(others[-1].callback))) if others else {}
        code = "connect_code" if any(name == "connect_code" for name, _ in fields) else "code"
        match change:
            case "code twice":
                fields += [pair for pair in fields if pair[0] == code]
            case "state twice":
                fields += [pair for pair in fields if pair[0] == "state"]
            case "no state":
                fields = [pair for pair in fields if pair[0] != "state"]
            case "another tab's state" if "state" in other:
                self._inject(dict(fields).get(code, ""))
                fields = [(name, other["state"] if name == "state" else value) for name, value in fields]
            case "another tab's code" if code in other:
                self._inject(other[code])
                fields = [(name, other[code] if name == code else value) for name, value in fields]
            case "another code":
                fields = [
                    (name, "made-up-code-0123456789" if name == code else value) for name, value in fields
                ]
            case "another issuer":
                fields = [*((n, v) for n, v in fields if n != "iss"), ("iss", "https://evil.example/")]
            case "an error":
                fields = [*(pair for pair in fields if pair[0] == "state"), ("error", "server_error")]
            case "HEAD":
                method = "HEAD"
            case "another flow's URL":
                callbacks = [each.callback for each in BUILT_IN if each.callback and each.kind != tab.flow]
                path = reverse(f"stateful_oauth:{callbacks[0].name}")
                parts = parts._replace(path=path)
            case _:
                pass
        return parts._replace(query=urlencode(fields)).geturl(), headers, method
