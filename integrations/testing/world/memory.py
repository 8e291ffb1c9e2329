"""What people and places would remember of a scenario: what invariants compare the database with.

Nothing in here is read from the engine's own account of what happened.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stateful_oauth.django import wiring
from stateful_oauth.django.browser.binding import cookie_name
from stateful_oauth.flows.account_linking.inputs import AccountLinkingInputs
from stateful_oauth.flows.engine.identifiers import digest, transaction_id_of
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.world.tabs import fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from stateful_oauth.testing.browser import Browser
    from stateful_oauth.testing.world.gateway import Gateway
    from stateful_oauth.testing.world.tabs import Tab
    from stateful_oauth.testing.world.tenant_accounts import Account

_SERVER_ERROR = 500


@dataclass(frozen=True)
class Owner:
    """Who started a transaction.

    Attributes:
        browser: The number of the browser.
        since: How often that browser had signed out before.
        tab: In which tab.
    """

    browser: int
    since: int
    tab: Tab


@dataclass(frozen=True)
class Delivery:
    """A callback that was opened.

    Attributes:
        fields: Its parameters.
    """

    browser: int
    since: int
    fields: Mapping[str, str]

    @property
    def row(self) -> uuid.UUID | None:
        """The transaction that its `state` names."""
        return transaction_id_of(self.fields.get("state", ""))


@dataclass(frozen=True)
class SignOut:
    """A sign-out that nothing disturbed.

    Attributes:
        browser: The number of the browser, signed in or not.
        location: Where it was sent.
    """

    browser: int
    location: str


@dataclass(frozen=True)
class IssuedRoles:
    """What an ID token said about a user's roles.

    Attributes:
        user_id: The Auth0 user id.
        at: `iat`, in Unix seconds.
    """

    user_id: str
    at: int
    roles: tuple[str, ...]


@dataclass
class Searched:
    """What was searched for secrets already, and for which."""

    columns: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)


@dataclass
class Memory:
    """What was done, and by which user.

    Attributes:
        owners: Who started each transaction.
        deliveries: Every callback that was opened.
        sign_outs: How often each browser has signed out.
        left: The sign-out that was the last step, if it was one.
        touched: The transactions that the last step was about; None when it was about all of them.
        going: Transactions that may be gone after the last step, because it purged.
        deleted: Auth0 user ids that an administrator deleted.
        users: The primary key of the user that each account was signed in as.
        ended: When the sessions of a user were ended last, in Unix seconds, by primary key.
        logged_out: The `sid` of each session at the provider whose logout token the site has accepted.
        ended_rows: The registry's rows of sessions that were ended from elsewhere.
        ended_grants: The grants of these sessions.
        at_provider: Who was last at the provider in each browser.
        bindings: Every id that the binding cookie of a browser had.
        given_up: Flows of which a transaction ended without saying what happened at the provider.
        unidentified: Users who connected an account whose owner could not be identified.
        injected: Codes that were put into the callback of another transaction, and that the site cannot
            remember, because its cache keeps nothing.
        seen: Codes that another browser navigated with, while their transaction waited for them.
        searched: For secrets.
        undone: When others undid a link that the site believed in, by primary and secondary.
        linked_elsewhere: Links that others made, by primary and secondary.
        others_changed: Whether others have changed users or links at the provider.
        compared: Whether the comparison with the provider has run to its end, when all was at rest.
        roles: The roles of each account at the provider.
        issued: What each token said about roles.
        decided: By primary key of a user: `iat` of the token that decided about roles, in Unix seconds.
    """

    owners: dict[uuid.UUID, Owner] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    sign_outs: dict[int, int] = field(default_factory=dict)
    left: SignOut | None = None
    touched: set[uuid.UUID] | None = field(default_factory=set)
    going: set[uuid.UUID] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    users: dict[str, Any] = field(default_factory=dict)
    ended: dict[Any, float] = field(default_factory=dict)
    logged_out: set[str] = field(default_factory=set)
    ended_rows: set[str] = field(default_factory=set)
    ended_grants: set[str] = field(default_factory=set)
    at_provider: dict[int, Account] = field(default_factory=dict)
    bindings: set[str] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)
    unidentified: set[Any] = field(default_factory=set)
    injected: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    searched: Searched = field(default_factory=Searched)
    undone: dict[tuple[str, str], datetime] = field(default_factory=dict)
    linked_elsewhere: set[tuple[str, str]] = field(default_factory=set)
    others_changed: bool = False
    compared: bool = False
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    issued: set[IssuedRoles] = field(default_factory=set)
    decided: dict[Any, int] = field(default_factory=dict)

    def new_rows(self) -> list[uuid.UUID]:
        """Return the transactions that have no owner yet."""
        ids = FlowTransaction.objects.values_list("pk", flat=True)
        return [id_ for id_ in ids if id_ not in self.owners]

    def own(self, id_: uuid.UUID, tab: Tab) -> None:
        """Note who started a transaction."""
        self.owners[id_] = Owner(tab.browser, self.sign_outs.get(tab.browser, 0), tab)
        tab.rows.append(id_)
        self.touch(id_)

    def deliver(self, tab: Tab, url: str) -> None:
        """Note that a callback is opened."""
        fields = dict(fields_of(url))
        self.deliveries.append(Delivery(tab.browser, self.sign_outs.get(tab.browser, 0), fields))

    def waits_for(self, url: str) -> bool:
        """Whether a transaction waits for this callback now."""
        state = dict(fields_of(url)).get("state", "")
        waiting = FlowTransaction.objects.filter(state="awaiting_callback", state_digest=digest(state))
        return waiting.filter(deadline__gt=wiring.clock.now(), browser__isnull=False).exists()

    def see(self, url: str, status: int) -> None:
        """Note that another browser was answered when it navigated to a callback."""
        fields = dict(fields_of(url))
        if status < _SERVER_ERROR:
            self.seen |= {fields[name] for name in ("code", "connect_code") if name in fields}

    def touch(self, *ids: uuid.UUID | None) -> None:
        """Note which transactions a step is about."""
        if self.touched is not None:
            self.touched |= {id_ for id_ in ids if id_ is not None}

    def begin_step(self) -> None:
        """Forget what the last step was about."""
        self.touched, self.going, self.left = set(), set(), None

    def may_go(self, ids: Iterable[uuid.UUID]) -> None:
        """Note which transactions a purge may have deleted."""
        self.going |= set(ids)

    def sign_out(self, browser: int) -> None:
        """Note that a browser has signed out: what was started in it before signs no user in any more."""
        self.sign_outs[browser] = self.sign_outs.get(browser, 0) + 1

    def parent_of(self, id_: uuid.UUID) -> uuid.UUID | None:
        """Return the sign-in that an account linking goes on with, or None."""
        inputs = FlowTransaction.objects.filter(pk=id_).values_list("inputs", flat=True).first() or {}
        login = AccountLinkingInputs.from_json(inputs).login
        return uuid.UUID(login) if login else None

    def touch_all(self) -> None:
        """Note that a step is about any transaction: a sweep."""
        self.touched = None

    def note_cookies(self, number: int, browser: Browser) -> None:
        """Note the values of the cookies that bind attempts to a browser."""
        del number  # whose it is does not matter: only a browser may have it
        for name, cookie in browser.client.cookies.items():
            if name.startswith(cookie_name()) and ":" in cookie.value:  # signed, as all with ids are
                # Every id by itself: a row could hold one without the rest.
                self.bindings |= {each.partition(".")[0] for each in cookie.value.split("~")}

    def note_url(self, url: str, gateway: Gateway) -> None:
        """Note the secrets in a URL of the provider."""
        gateway.learn(dict(fields_of(url)))
