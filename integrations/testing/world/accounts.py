"""Rules of accounts: connect, disconnect, confirm a link, keep apart, unlink, ask for tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis.strategies as st
from django.http import HttpRequest
from django.urls import reverse

from stateful_oauth.django.actions import tokens
from stateful_oauth.flows.account_linking.inputs import AccountLinkingInputs
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.storage.models import AccountLink, ConnectedAccount
from stateful_oauth.testing.world.base_state_machine import BaseStateMachine, precondition, rule
from stateful_oauth.testing.world.sessions import session_of
from stateful_oauth.testing.world.sign_in import SignIn
from stateful_oauth.testing.world.strategies import account_numbers, faults, numbers

if TYPE_CHECKING:
    from stateful_oauth.testing.world.faults import Fault
    from stateful_oauth.testing.world.tabs import Tab


def asked_to_link(world: BaseStateMachine) -> list[Tab]:
    """Return the tabs that were asked whether accounts are to be linked."""
    return [tab for tab in world.tabs if tab.linking is not None]


def signed_in_browsers(world: BaseStateMachine) -> list[int]:
    """Return the numbers of the browsers in which a user is signed in."""
    return [*world.users]


CONNECTIONS = ("google-oauth2", "github", "nowhere")


class Accounts(SignIn):
    """Rules of connected and linked accounts, and of grants."""

    @precondition(signed_in_browsers)
    @rule(browser=numbers(), connection=st.sampled_from(CONNECTIONS), faults=faults())
    def start_to_connect(self, browser: int, connection: str, faults: tuple[Fault, ...] = ()) -> None:
        """Start to connect an account at a connection."""
        self.asks_to_connect(self.pick(browser, signed_in_browsers(self)), connection, faults)

    @precondition(signed_in_browsers)
    @rule(browser=numbers(), account=account_numbers(), faults=faults())
    def connect(self, browser: int, account: int, faults: tuple[Fault, ...] = ()) -> None:
        """Connect an account from the first page to the last; what goes wrong goes wrong at the callback."""
        others = [who for who in self.accounts if who.connection in CONNECTIONS]
        who = others[account % len(others)]
        tab = self.asks_to_connect(self.pick(browser, signed_in_browsers(self)), who.connection)
        if tab.at_provider:
            self.authorizes(tab, who, tab.browser)
        if tab.callback is not None:
            self.opens_callback(tab, tab.browser, "", faults)

    def asks_to_connect(self, number: int, connection: str, faults: tuple[Fault, ...] = ()) -> Tab:
        """Ask to connect an account in a new tab, and return the tab."""
        tab, opened = self.new_tab(number, "connect_account"), self.browsers[number]
        self.trace.note(f"Browser {number + 1} asks to connect an account at {connection}, in {tab}.")
        url, form = reverse("stateful_oauth:connect"), {"connection": connection, "next": "/accounts/"}
        self.ask("connect", tab, lambda: opened.post(url, form), faults)
        return tab

    @precondition(signed_in_browsers)
    @rule(browser=numbers(), account=numbers(), faults=faults())
    def disconnect(self, browser: int, account: int, faults: tuple[Fault, ...] = ()) -> None:
        """Disconnect an account: the user's own, or another user's if there is none."""
        kept = list(ConnectedAccount.objects.order_by("connected_at", "remote_id"))
        if not kept:
            return
        number = self.pick(browser, signed_in_browsers(self))
        tab, opened, chosen = (
            self.new_tab(number, "disconnect_account"),
            self.browsers[number],
            self.pick(account, kept),
        )
        self.trace.note(f"Browser {number + 1} asks to disconnect {chosen}, in {tab}.")
        url, form = (
            reverse("stateful_oauth:disconnect"),
            {"account": chosen.remote_id, "next": "/accounts/"},
        )
        self.ask("disconnect", tab, lambda: opened.post(url, form), faults)

    @precondition(signed_in_browsers)
    @rule(browser=numbers(), link=numbers(), faults=faults())
    def unlink(self, browser: int, link: int, faults: tuple[Fault, ...] = ()) -> None:
        """Unlink an account: the user's own, or another user's if there is none."""
        kept = list(AccountLink.objects.filter(unlinked_at__isnull=True).order_by("pk"))
        if not kept:
            return
        number = self.pick(browser, signed_in_browsers(self))
        tab, opened, chosen = (
            self.new_tab(number, "unlink_account"),
            self.browsers[number],
            self.pick(link, kept),
        )
        self.trace.note(f"Browser {number + 1} asks to unlink {chosen}, in {tab}.")
        url, form = reverse("stateful_oauth:unlink"), {"link": str(chosen.pk), "next": "/accounts/"}
        self.ask("unlink", tab, lambda: opened.post(url, form), faults)

    @precondition(asked_to_link)
    @rule(tab=numbers(), candidate=numbers(), faults=faults())
    def confirm(self, tab: int, candidate: int = 0, faults: tuple[Fault, ...] = ()) -> None:
        """Say on the page that asks that the accounts are to be linked."""
        self.confirms(self.pick(tab, asked_to_link(self)), candidate, faults)

    @precondition(asked_to_link)
    @rule(
        tab=numbers(),
        candidate=numbers(),
        account=st.sampled_from((None, None, None, *range(8))),
        faults=faults(),
    )
    def prove(
        self, tab: int, candidate: int = 0, account: int | None = None, faults: tuple[Fault, ...] = ()
    ) -> None:
        """Confirm, and prove it at the provider: as the account that the page named, or as another."""
        chosen: Tab = self.pick(tab, asked_to_link(self))
        named = self.confirms(chosen, candidate)
        by_id = {who.user_id: who for who in self.accounts}
        who = by_id.get(named) if account is None else self.accounts[account % len(self.accounts)]
        if who is None or not chosen.at_provider:
            return
        self.authorizes(chosen, who, chosen.browser)
        if chosen.callback is not None:
            self.opens_callback(chosen, chosen.browser, "", faults)

    def confirms(self, chosen: Tab, candidate: int, faults: tuple[Fault, ...] = ()) -> str:
        """Send the form of the page; return the account that it names."""
        page = chosen.linking
        row = self.seen.rows.get(page) if page else None
        candidates = (
            [each.user_id for each in AccountLinkingInputs.from_json(row.inputs).candidates] if row else []
        )
        named: str = "auth0|unknown" if candidate == 5 or not candidates else self.pick(candidate, candidates)
        position = str(candidates.index(named)) if named in candidates else "unknown"
        self.trace.note(f"{chosen} confirms that the accounts are to be linked, with {named}.")
        self.memory.touch(page)
        chosen.flow, chosen.callback, chosen.at_provider = "account_linking", None, ""
        url = reverse("stateful_oauth:link_confirm", args=[page])
        opened = self.browsers[chosen.browser]
        self.ask("confirm", chosen, lambda: opened.post(url, {"account": position}), faults)
        return named

    @precondition(asked_to_link)
    @rule(tab=numbers(), faults=faults())
    def keep_apart(self, tab: int, faults: tuple[Fault, ...] = ()) -> None:
        """Say on the page that asks that the accounts stay apart."""
        chosen: Tab = self.pick(tab, asked_to_link(self))
        page = chosen.linking
        self.trace.note(f"{chosen} keeps the accounts apart.")
        self.memory.touch(page)
        url = reverse("stateful_oauth:link_cancel", args=[page])
        opened = self.browsers[chosen.browser]
        self.ask("cancel", chosen, lambda: opened.post(url), faults)

    @precondition(signed_in_browsers)
    @rule(browser=numbers(), what=st.sampled_from(("token", "accounts", "connections")), faults=faults())
    def use_grant(self, browser: int, what: str, faults: tuple[Fault, ...] = ()) -> None:
        """Ask for an access token, or for something that needs one."""
        number = self.pick(browser, signed_in_browsers(self))
        self.trace.note(f"A page in browser {number + 1} uses the grant: {what}.")
        request = HttpRequest()
        request.session = session_of(self.browsers[number])

        def use() -> object:
            match what:
                case "accounts":
                    return tokens.refresh_connected_accounts(request)
                case "connections":
                    return tokens.available_connections(request)
                case _:
                    return tokens.access_token(request)

        try:
            self.act("grant", use, faults)
        except FlowError as error:
            self.trace.note(f"  refused: {error.code}")
