"""People with browsers in front of workers that die: they reload, start again, and sometimes walk away."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin

import requests

from stateful_oauth.emulator import PageShown, Tenant

PATIENCE = 40  # pages, until somebody walks away
PASSWORD, GOOGLE, GITHUB = "Username-Password-Authentication", "google-oauth2", "github"


class WalkedAway(Exception):
    """Nothing came of it; recovery has to finish what is half done."""


class Browser:
    """A session at the site and one at the tenant. A request that dies is sent again, as people reload."""

    def __init__(self, tenant: Tenant, site: str) -> None:
        self.tenant, self.site = tenant, site
        self.visitor = tenant.visitor()
        self.session = requests.Session()
        self.as_user = ""

    def ask(self, method: str, address: str, data: dict[str, str] | None = None) -> requests.Response:
        address = urljoin(self.site, address)
        for _ in range(PATIENCE):
            # A form has its token in a field: with one in a header it would be a script's, which starts nothing.
            token = {"csrfmiddlewaretoken": self.session.cookies.get("csrftoken", "")}
            form = None if data is None else {**data, **token}
            with suppress(requests.RequestException):
                return self.session.request(method, address, data=form, allow_redirects=False, timeout=30)
            time.sleep(0.02)
        raise WalkedAway

    def get(self, address: str) -> requests.Response:
        return self.ask("GET", address)

    def post(self, address: str, data: dict[str, str]) -> requests.Response:
        if "csrftoken" not in self.session.cookies:
            self.get("/auth/restart/")
        return self.ask("POST", address, data)

    def follow(self, answer: requests.Response, choose: Callable[[str], str] | None = None) -> str:
        """Go where the site sends, through the tenant and progress pages, until a page stays.

        Args:
            choose: What to do at a page of the tenant: takes its address, returns the callback's.

        Returns:
            The path of the page that stays.
        """
        for _ in range(PATIENCE):
            if answer.status_code == 202:  # somebody works on it
                time.sleep(0.1)
                answer = self.get(str(answer.url))
            elif answer.status_code in (301, 302, 303):
                location = urljoin(str(answer.url), answer.headers["Location"])
                if not location.startswith(self.site):
                    location = (choose or self.sign_in_there)(location)
                answer = self.get(location)
            else:
                return str(answer.url).removeprefix(self.site)
        raise WalkedAway

    def sign_in_there(self, location: str) -> str:
        return str(self.visitor.authorize(location, as_user=self.as_user))

    def sign_in(self, as_user: str) -> str:
        """Sign in, starting again after an error page, until a page stays that is none."""
        self.as_user = as_user
        for _ in range(8):
            self.visitor.close_browser()
            page = self.follow(self.get("/auth/login/?next=/auth/restart/"))
            if not page.startswith("/auth/error/"):
                return page
        raise WalkedAway

    def sign_out(self) -> None:
        self.session.cookies.clear()
        self.visitor.close_browser()


class Crowd:
    """Many people, one thread each, each with accounts of their own, until they are told to stop."""

    def __init__(self, tenant: Tenant, site: str, threads: int, seed: int) -> None:
        self.tenant, self.site = tenant, site
        self.stop = threading.Event()
        self.done: dict[str, int] = {}
        self.walked_away = 0
        self.broken: list[str] = []
        self._lock, self._number = threading.Lock(), 0
        self._threads = [
            threading.Thread(target=self._live, args=(random.Random(seed * 1000 + number),), daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()

    def _live(self, chance: random.Random) -> None:
        stories = [
            self.signs_in,
            self.connects,
            self.connects_and_signs_in_with_it,
            self.links_by_email,
            self.confirms,
            self.changes_their_mind,
        ]
        while not self.stop.is_set():
            story = chance.choice(stories)
            try:
                story(Browser(self.tenant, self.site), chance)
            except WalkedAway:
                with self._lock:
                    self.walked_away += 1
            except Exception as error:  # noqa: BLE001 - whatever people meet is a finding
                with self._lock:
                    self.broken.append(f"{story.__name__}: {type(error).__name__}: {error}")
            else:
                with self._lock:
                    self.done[story.__name__] = self.done.get(story.__name__, 0) + 1

    def _person(self, connection: str, email: str = "", **fields: Any) -> str:
        with self._lock:
            self._number += 1
            email = email or f"person-{self._number}@example.com"
        self.tenant.add_user(email=email, name="Somebody", connection=connection, **fields)
        return email

    # Stories. Each has people of its own, so that what came of one can be told from the others.

    def signs_in(self, browser: Browser, chance: random.Random) -> None:
        person = self._person(chance.choice((PASSWORD, GOOGLE)))
        for _ in range(2):
            browser.sign_in(person)
            browser.sign_out()

    def connects(self, browser: Browser, chance: random.Random) -> str:
        browser.sign_in(self._person(PASSWORD))
        account = self._person(chance.choice((GITHUB, GOOGLE)), signed_up=False)
        connection = GITHUB if self.tenant.people.find_account(account, GITHUB) else GOOGLE
        for _ in range(chance.choice((1, 1, 2))):  # twice: connected again
            self._connect(browser, connection, account)
        if chance.random() < 0.4:
            for row in self.tenant.connected_accounts(self._sub(browser)):
                browser.follow(
                    browser.post("/auth/disconnect/", {"account": row.id, "next": "/auth/restart/"})
                )
        return account

    def connects_and_signs_in_with_it(self, browser: Browser, chance: random.Random) -> None:
        browser.sign_in(self._person(PASSWORD))
        account = self._person(GOOGLE, signed_up=False)
        self._connect(browser, GOOGLE, account)
        browser.sign_out()
        browser.sign_in(account)

    def links_by_email(self, browser: Browser, chance: random.Random) -> None:
        person = self._person(PASSWORD, user_metadata={"colour": "red"})
        browser.sign_in(person)
        browser.sign_out()
        self._person(GOOGLE, person, user_metadata={"size": 42, "colour": "blue"})
        page = self._sign_in_at(browser, person, GOOGLE)
        if page.startswith("/auth/restart/") and chance.random() < 0.3:
            self._unlink(browser)

    def confirms(self, browser: Browser, chance: random.Random) -> None:
        page = self._pending(browser)
        if page.startswith("/auth/link/") and chance.random() < 0.3:
            stranger = self._person(GOOGLE)
            page = browser.follow(
                browser.post(f"{page}confirm/", {}),
                lambda address: self._at(browser, address, stranger, GOOGLE),
            )
        if page.startswith("/auth/link/"):
            browser.follow(
                browser.post(f"{page}confirm/", {}),
                lambda address: self._at(browser, address, browser.as_user, GOOGLE),
            )

    def changes_their_mind(self, browser: Browser, chance: random.Random) -> None:
        page = self._pending(browser)
        if page.startswith("/auth/link/"):
            browser.follow(browser.post(f"{page}cancel/", {}))

    def _pending(self, browser: Browser) -> str:
        person = self._person(GOOGLE)
        browser.sign_in(person)
        browser.sign_out()
        self._person(PASSWORD, person)
        return self._sign_in_at(browser, person, PASSWORD)

    def _sign_in_at(self, browser: Browser, person: str, connection: str) -> str:
        browser.as_user = person
        for _ in range(8):
            browser.visitor.close_browser()
            page = browser.follow(
                browser.get("/auth/login/?next=/auth/restart/"),
                lambda address: self._at(browser, address, person, connection),
            )
            if not page.startswith("/auth/error/"):
                return page
        raise WalkedAway

    def _at(self, browser: Browser, address: str, person: str, connection: str) -> str:
        try:
            return str(browser.visitor.authorize(address, as_user=person, connection=connection))
        except (PageShown, LookupError) as error:
            raise WalkedAway from error

    def _connect(self, browser: Browser, connection: str, account: str) -> None:
        def choose(address: str) -> str:
            try:
                return str(browser.visitor.connect(address, as_account=account))
            except PageShown as error:  # the ticket is over, or was used by the request that died
                raise WalkedAway from error

        form = {"connection": connection, "next": "/auth/restart/"}
        for _ in range(4):
            page = browser.follow(browser.post("/auth/connect/", form), choose)
            if not page.startswith("/auth/error/"):
                return
        raise WalkedAway

    def _unlink(self, browser: Browser) -> None:
        from django.db import connection  # once Django is set up

        from stateful_oauth.storage.models import AccountLink

        link = AccountLink.objects.filter(
            primary_subject=self._sub(browser), unlinked_at__isnull=True
        ).first()
        connection.close()
        if link is not None:
            browser.follow(browser.post("/auth/unlink/", {"link": str(link.pk), "next": "/auth/restart/"}))

    def _sub(self, browser: Browser) -> str:
        return self.tenant.people.find_account(browser.as_user, PASSWORD).user_id  # type: ignore[union-attr] # made above
