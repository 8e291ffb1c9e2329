"""A visitor's attempts for the "what if" menu: real ones, of which a robot does the provider's part.

The site's part is what the package's views do: the same engine, the same row, the same cookie.
The provider's part is the emulator's, through its own routes. The answer is opened by the visitor's browser.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from django.http import HttpRequest
from django.urls import reverse

from stateful_oauth.demo.middleware import VISITOR_COOKIE
from stateful_oauth.demo.running import Note
from stateful_oauth.django import wiring
from stateful_oauth.django.actions.callers import BrowserCaller
from stateful_oauth.django.actions.starting import connect_inputs, login_inputs
from stateful_oauth.django.browser.binding import bind, cookie_name, write_binding
from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages.flow_pages import SeeOther
from stateful_oauth.django.pages.responses import respond
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.outcomes import Outcome, RedirectTo
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from stateful_oauth.flows.oauth.outcomes import ConfirmationNeeded, SignedIn

if TYPE_CHECKING:
    import uuid

    from django.http import HttpResponse

    from stateful_oauth.demo.people import Person
    from stateful_oauth.demo.running import RunningDemo
    from stateful_oauth.emulator import Tenant, Visitor


class NotStarted(Exception):
    """The sign-in failed before the browser could be sent to the provider; `outcome` says how."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


@dataclass(slots=True)
class Attempt:
    """A transaction that was started, and then the provider's answer to it.

    Attributes:
        kind: The flow.
        url: Where the site sends the browser.
        callback: Where the provider sends it back to; empty until the browser has been at the provider.
    """

    id: uuid.UUID
    url: str
    tenant: Tenant
    robot: Visitor
    kind: str = "login"
    callback: str = ""
    asked: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()}

    @property
    def answered(self) -> dict[str, str]:
        """The parameters of the answer."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.callback).query).items()}

    @property
    def code(self) -> str:
        """The authorization code of the answer."""
        return self.answered["code"]

    def signed_in_as(self, person: Person) -> Attempt:
        """Have the robot sign in at the provider."""
        self.callback = str(self.robot.authorize(self.url, as_user=person.sub))
        return self

    def connected_as(self, person: Person) -> Attempt:
        """Have the robot choose the account to connect."""
        self.callback = str(self.robot.connect(self.url, as_account=person.sub))
        return self

    def silently(self) -> Attempt:
        """Have the robot go to the provider, which answers without showing a page."""
        self.callback = str(self.robot.authorize(self.url))
        return self

    def declined(self) -> Attempt:
        """Have the robot decline at the provider."""
        self.callback = str(self.robot.decline(self.url))
        return self


class Visit:
    """One press on a button of the menu."""

    def __init__(self, request: HttpRequest, demo: RunningDemo, slug: str) -> None:
        self.request, self.demo, self._slug = request, demo, slug
        self.tenant = demo.tenant
        self.robot = self.tenant.visitor()
        bind(request)  # one press may start several sign-ins

    @property
    def note(self) -> Note:
        """What this entry has come to for this visitor."""
        return self.demo.notes.setdefault((self.visitor, self._slug), Note())

    @property
    def visitor(self) -> str:
        """The visitor's name."""
        return self.request.COOKIES[VISITOR_COOKIE]

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of the visitor's browser, as another request of it would send them."""
        return {**self.request.COOKIES, cookie_name(): bind(self.request).value}

    def start(
        self,
        *,
        parameters: dict[str, str] | None = None,
        subject: str = "",
        scope: str = "",
        in_another_browser: bool = False,
    ) -> Attempt:
        """Start a sign-in, as the package's login page does.

        Args:
            parameters: More authorization parameters.
            subject: Who has to come back.
            scope: Instead of the settings' own.

        Raises:
            NotStarted: The provider's metadata could not be used.
        """
        caller = _another_browser() if in_another_browser else BrowserCaller(self.request)
        if caller.browser is not None:
            self.demo.remember_browser(self.visitor, caller.browser)
        inputs = login_inputs(self.request, conf.tenant("default"))
        inputs = replace(
            inputs,
            next=self.landing_url,
            subject=subject or "",
            scope=scope or inputs.scope,
            parameters={**inputs.parameters, **(parameters or {})},
        )
        outcome = wiring.engine().start("login", inputs, caller)
        if not isinstance(outcome, RedirectTo) or outcome.transaction_id is None:
            raise NotStarted(outcome)
        return Attempt(outcome.transaction_id, outcome.url, self.tenant, self.robot)

    # What happens before the visitor sees anything.

    def sign_in(self, person: Person, *, scope: str = "") -> Attempt:
        """Sign the visitor in, without sending their browser anywhere.

        Raises:
            NotStarted: It did not work, or something is asked first.
        """
        self.robot.close_browser()  # or the provider would remember another user
        attempt = self.start(scope=scope).signed_in_as(person)
        outcome = self._deliver(attempt)
        if not isinstance(outcome, SignedIn):
            raise NotStarted(outcome)
        return attempt

    def connect(self, connection: str) -> Attempt:
        """Start to connect an account, as the package's page does.

        Raises:
            NotStarted: It failed before the browser could be sent anywhere.
        """
        inputs = connect_inputs(self.request, conf.tenant("default"), connection)
        inputs = replace(inputs, next=self.landing_url)
        outcome = wiring.engine().start("connect_account", inputs, BrowserCaller(self.request))
        if not isinstance(outcome, RedirectTo) or outcome.transaction_id is None:
            raise NotStarted(outcome)
        return Attempt(outcome.transaction_id, outcome.url, self.tenant, self.robot, "connect_account")

    def asked(self, person: Person) -> tuple[Attempt, uuid.UUID]:
        """Sign the visitor in with an account that may belong to a known user; return what asks them.

        Raises:
            NotStarted: Nothing is asked.
        """
        self.robot.close_browser()
        attempt = self.start().signed_in_as(person)
        outcome = self._deliver(attempt)
        if not isinstance(outcome, ConfirmationNeeded) or outcome.transaction_id is None:
            raise NotStarted(outcome)
        return attempt, outcome.transaction_id

    def confirm(self, linking: uuid.UUID) -> Attempt:
        """Press the button of the page that asks; the robot has not signed in yet.

        Raises:
            NotStarted: That is not possible any more.
        """
        event, caller = Event("confirm", ""), BrowserCaller(self.request)
        outcome = wiring.engine().dispatch(linking, event, caller, kind="account_linking")
        if not isinstance(outcome, RedirectTo):
            raise NotStarted(outcome)
        return Attempt(linking, outcome.url, self.tenant, self.robot, "account_linking")

    def deliver(self, attempt: Attempt) -> None:
        """Take the provider's answer, without sending the visitor's browser anywhere."""
        self._deliver(attempt)

    def _deliver(self, attempt: Attempt) -> Outcome:
        parameters = {name: [value] for name, value in attempt.answered.items()}
        response = AuthorizationResponse.parse(parameters.items())
        return wiring.engine().dispatch(
            attempt.id,
            Event("callback", response),
            BrowserCaller(self.request),
            kind=attempt.kind,
            state=response.state,
        )

    # Where the browser goes next.

    @property
    def landing_url(self) -> str:
        """The entry's own page."""
        return reverse("demo:what-if-entry", args=[self._slug])

    def take(self, *attempts: Attempt, linking: uuid.UUID | None = None, remark: str = "") -> None:
        """Note the attempts for the entry's page, in place of those of an earlier press.

        Args:
            linking: The account linking that one of them has opened.
        """
        ids = [attempt.id for attempt in attempts] + ([linking] if linking is not None else [])
        note = Note(ids, [attempt.callback for attempt in attempts], remark)
        self.demo.notes[self.visitor, self._slug] = note

    def go(self, location: str) -> HttpResponse:
        """Send the visitor's browser somewhere, with its binding cookie."""
        response = SeeOther(location)
        bind(self.request)  # the demo's clock may have moved meanwhile
        write_binding(self.request, response)
        return response

    def come_back(self, attempt: Attempt, *before: Attempt) -> HttpResponse:
        """Open the provider's answer in the visitor's browser, after what was done before it."""
        self.take(*before, attempt)
        return self.go(attempt.callback)

    def land(self) -> HttpResponse:
        """Show the entry's own page."""
        return self.go(self.landing_url)

    def refused(self, outcome: Outcome) -> HttpResponse:
        """Show what the package shows for a sign-in that failed at its start."""
        return respond(outcome, self.request)


def _another_browser() -> BrowserCaller:
    request = HttpRequest()
    return BrowserCaller(request, bind=True)
