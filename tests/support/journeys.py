"""People on their way through each flow, request by request, in front of a site that may fail them.

A journey can be made any number of times: whoever finds an error page begins again, and ends where the first
attempt should have led.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.db import close_old_connections
from django.http import HttpResponse

from stateful_oauth.emulator import DATABASE, PageShown, Tenant
from stateful_oauth.storage.models import AccountLink, ConnectedAccount
from stateful_oauth.testing.browser import Browser
from stateful_oauth.testing.clock import ManualClock
from tests.support.error_pages import ERROR_PATH

GOOGLE = "google-oauth2"
PRIMARY, SECONDARY = "grace@example.com", "grace@gmail.example"
SIGN_IN_NEEDED = ERROR_PATH + "sign_in_needed/"
_PAGES = 30  # until somebody gives up
_LOOKS_AGAIN = 11.0  # seconds, from one look at a progress page to the next
_STARTS = 4  # until somebody gives up


class NotAvailable(Exception):
    """The site showed the page of a database that is gone, and the person left."""


class Traveller(Browser):
    """A browser with a request cycle as a server has it, which keeps in mind how every request was answered.

    Attributes:
        reloads: Whether a request that was answered with 503 is sent again, as people do.
        before_reloading: What happens in between.
        answers: Status and request, oldest first.
    """

    def __init__(self, tenant: Tenant, clock: ManualClock) -> None:
        super().__init__(tenant)
        self.clock = clock
        self.reloads = False
        self.before_reloading: Callable[[], object] = int
        self.answers: list[tuple[int, str]] = []

    def _ask(self, method: str, address: str, headers: dict[str, str], *data: Any) -> HttpResponse:
        for _ in range(_PAGES):
            close_old_connections()  # what Django does before and after every request but the test client's
            try:
                response = super()._ask(method, address, headers, *data)
            finally:
                close_old_connections()
            self.answers.append((response.status_code, f"{method} {address.partition('?')[0]}"))
            if response.status_code != 503 or address.startswith(ERROR_PATH):
                return response
            assert "<code>store_unavailable</code>" in response.content.decode(), response.content
            if not self.reloads:
                break
            self.before_reloading()
        raise NotAvailable

    def follow(self, response: HttpResponse, choose: Callable[[str], str]) -> tuple[int, str]:
        """Go where the site sends, through progress pages and the tenant, until a page stays.

        Args:
            choose: What to do at a page of the tenant: takes its address, returns the callback's.

        Returns:
            The page's status and path.
        """
        address = ""
        for _ in range(_PAGES):
            if response.status_code == 202:
                self.clock.advance(_LOOKS_AGAIN)
            elif response.status_code in (302, 303):
                address = response["Location"]
                if address.startswith(self._tenant.issuer):
                    address = choose(address)
            else:
                return response.status_code, address.partition("?")[0]
            response = self.get(address)
        raise AssertionError(f"Nothing came of it: {self.answers}")


class Journey:
    """One flow, as one person meets it."""

    name: ClassVar[str]

    def __init__(self, tenant: Tenant, clock: ManualClock) -> None:
        self.tenant, self.clock = tenant, clock
        self.browser = Traveller(tenant, clock)

    def prepare(self) -> None:
        """Let happen what must have happened before."""

    def travel(self) -> tuple[int, str]:
        """Make one attempt, and return the status and path of the page that stays."""
        raise NotImplementedError

    def arrived(self) -> bool:
        """Whether all is as it should be in the end."""
        raise NotImplementedError

    def finish(self) -> None:
        """Begin again where an attempt failed, until the journey is over; nobody leaves now."""
        self.browser.reloads = True
        for _ in range(_STARTS):
            page = self.travel()
            if self.arrived():
                return
            if page[1] == SIGN_IN_NEEDED:
                self.sign_in(PRIMARY)
        raise AssertionError(f"{self.name} could not be finished: {page} {self.browser.answers}")

    # What several journeys are made of.

    def sign_in(self, as_user: str, connection: str | None = None, browser: Traveller | None = None) -> Any:
        browser = browser or self.browser
        browser.visitor.close_browser()

        def choose(address: str) -> str:
            return browser.visitor.authorize(address, as_user=as_user, connection=connection)

        return browser.follow(browser.get("/auth/login/?next=/auth/restart/"), choose)

    def add_primary(self, connection: str = DATABASE, **fields: Any) -> None:
        self.primary = self.tenant.add_user(email=PRIMARY, connection=connection, **fields).user_id

    def signed_in(self) -> bool:
        session = self.browser.client.session.get("stateful_oauth") or {}
        return bool(self.browser.user_id) and session.get("sub") == self.primary


class FirstSignIn(Journey):
    name = "first sign-in"

    def prepare(self) -> None:
        self.add_primary()

    def travel(self) -> tuple[int, str]:
        return self.sign_in(PRIMARY)

    def arrived(self) -> bool:
        return self.signed_in()


class AnotherSignIn(FirstSignIn):
    """In a session that has a grant, which the sign-in replaces."""

    name = "another sign-in"

    def prepare(self) -> None:
        super().prepare()
        self.sign_in(PRIMARY)


class Connecting(Journey):
    name = "connecting"

    def prepare(self) -> None:
        self.add_primary()
        self.tenant.add_user(email=SECONDARY, connection=GOOGLE, signed_up=False)
        self.sign_in(PRIMARY)

    def travel(self) -> tuple[int, str]:
        def choose(address: str) -> str:
            try:
                return self.browser.visitor.connect(address, as_account=SECONDARY)
            except PageShown:  # the ticket is over, or was used before
                return ERROR_PATH + "connect_session_over/"

        form = {"connection": GOOGLE, "next": "/auth/restart/"}
        return self.browser.follow(self.browser.post("/auth/connect/", form), choose)

    def arrived(self) -> bool:
        return ConnectedAccount.objects.exclude(provider_user_id="").count() == 1


class Disconnecting(Connecting):
    name = "disconnecting"

    def prepare(self) -> None:
        super().prepare()
        Connecting.travel(self)
        self.account = ConnectedAccount.objects.get().remote_id

    def travel(self) -> tuple[int, str]:
        form = {"account": self.account, "next": "/auth/restart/"}
        return self.browser.follow(self.browser.post("/auth/disconnect/", form), str)

    def arrived(self) -> bool:
        return not ConnectedAccount.objects.exists()


class LinkingWithoutQuestions(Journey):
    name = "linking without questions"

    def prepare(self) -> None:
        self.add_primary(user_metadata={"colour": "red"})
        self.sign_in(PRIMARY)
        self.browser.client.cookies.clear()
        self.tenant.add_user(email=PRIMARY, connection=GOOGLE, user_metadata={"size": 42, "colour": "blue"})

    def travel(self) -> tuple[int, str]:
        return self.sign_in(PRIMARY, GOOGLE)

    def arrived(self) -> bool:
        return self.signed_in() and AccountLink.objects.count() == 1


class LinkingAfterAProof(Journey):
    """The account at the provider was there first, and its owner has to prove that it is theirs."""

    name = "linking after a proof"

    def prepare(self) -> None:
        self.add_primary(GOOGLE)
        self.sign_in(PRIMARY, GOOGLE)
        self.browser.client.cookies.clear()
        self.tenant.add_user(email=PRIMARY, connection=DATABASE)

    def travel(self) -> tuple[int, str]:
        status, page = self.sign_in(PRIMARY, DATABASE)
        if not page.startswith("/auth/link/"):
            return status, page

        def choose(address: str) -> str:
            self.browser.visitor.close_browser()
            return self.browser.visitor.authorize(address, as_user=PRIMARY, connection=GOOGLE)

        return self.browser.follow(self.browser.post(f"{page}confirm/"), choose)

    def arrived(self) -> bool:
        return self.signed_in() and AccountLink.objects.count() == 1


class Unlinking(LinkingWithoutQuestions):
    name = "unlinking"

    def prepare(self) -> None:
        super().prepare()
        LinkingWithoutQuestions.travel(self)
        self.link = str(AccountLink.objects.get().pk)

    def travel(self) -> tuple[int, str]:
        form = {"link": self.link, "next": "/auth/restart/"}
        return self.browser.follow(self.browser.post("/auth/unlink/", form), str)

    def arrived(self) -> bool:
        return not AccountLink.objects.filter(unlinked_at__isnull=True).exists()


JOURNEYS: dict[str, type[Journey]] = {
    each.name: each
    for each in (
        FirstSignIn,
        AnotherSignIn,
        Connecting,
        Disconnecting,
        LinkingWithoutQuestions,
        LinkingAfterAProof,
        Unlinking,
    )
}
