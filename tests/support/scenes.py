"""Two tabs and a second delivery, for each flow: where the explorer begins, and what is true in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

from stateful_oauth.django import wiring
from stateful_oauth.django.browser.binding import binding_of, cookie_name
from stateful_oauth.emulator import Callback, Tenant
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.identifiers import transaction_id_of
from stateful_oauth.flows.engine.outcomes import Outcome
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from stateful_oauth.flows.oauth.outcomes import Connected, Disconnected, SignedIn, Unlinked
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, Identity
from stateful_oauth.testing.browser import Browser
from stateful_oauth.testing.clock import ManualClock
from tests.support import rows
from tests.support.accounts_site import QWERTY, XPTO, new_tenant, site
from tests.support.callers import Person
from tests.support.explorer import Crashed
from tests.support.link_pages import asked
from tests.support.verdict import violations

GOOGLE = "google-oauth2"
TAB_1, AGAIN, TAB_2 = "tab 1", "tab 1 again", "tab 2"

Results = Mapping[str, object]


class TwoTabs:
    """One browser with two tabs; what the first one delivers arrives twice."""

    kind: ClassVar[str]
    scope: ClassVar[str] = "openid profile email"
    linking: ClassVar[str] = "automatic"

    def __init__(self, tenant: Tenant, clock: ManualClock) -> None:
        self.tenant, self.clock = tenant, clock
        self.browser = Browser(tenant)
        self.prepare()

    @classmethod
    def scenes(cls, clock: ManualClock) -> Callable[[], AbstractContextManager[TwoTabs]]:
        """Return what makes this scene anew."""

        @contextmanager
        def scene() -> Iterator[TwoTabs]:
            # Without `offline_access` where nothing needs it: grants are one more table to meet at.
            with new_tenant(clock) as tenant, site(SCOPE=cls.scope, LINKING=cls.linking):
                yield cls(tenant, clock)

        return scene

    def prepare(self) -> None:
        """Come to where both tabs have something to deliver."""
        raise NotImplementedError

    def actors(self) -> Mapping[str, Callable[[], object]]:
        raise NotImplementedError

    def alike(self) -> tuple[str, ...]:
        return (TAB_1, AGAIN)

    def crashing(self) -> tuple[str, ...]:
        """The second tab is the first one's mirror image, but for what arrives twice."""
        return (TAB_1,)

    def check(self, results: Results, crashed: str | None) -> None:
        """What holds in every order, whatever crashed."""
        rows.check_rows()
        rows.nothing_working()
        found = violations(self.tenant)
        assert not found, found
        for name, result in results.items():
            wanted = Crashed if name == crashed else Outcome
            assert isinstance(result, wanted), f"{name}: {result!r}"
        self.check_end()
        if crashed is None:
            self.check_results(results)

    def check_end(self) -> None:
        """What is there in the end."""

    def check_results(self, results: Results) -> None:
        """What the tabs were told, when nobody crashed."""

    # What scenes have in common.

    def person(self, user_id: str | None = None) -> Person:
        """Return this browser as a caller of the engine."""
        person, binding = Person(), binding_of(self.browser.client.cookies[cookie_name()].value)
        assert binding is not None
        person.browser, person.browsers = binding.browser, binding.browsers
        person.user_id = user_id
        return person

    def delivery(self, callback: Callback, user_id: str | None = None) -> Callable[[], Outcome]:
        """Return what delivers a callback of this flow, as often as it is called."""
        parameter = "connect_code" if "connect_code" in callback.fields else "code"
        response = AuthorizationResponse.parse(
            [(name, [value]) for name, value in callback.fields.items()], code_parameter=parameter
        )
        key, person = transaction_id_of(response.state.reveal()), self.person(user_id)
        assert key is not None
        return lambda: wiring.engine().dispatch(
            key,
            Event("callback", response),
            person,
            kind=self.kind,
            tenant="default",
            state=response.state,
        )

    def deliveries(self, first: Callback, second: Callback, user_id: str | None = None) -> Mapping[str, Any]:
        """Return who delivers what: the first callback twice."""
        one, two = self.delivery(first, user_id), self.delivery(second, user_id)
        return {TAB_1: one, AGAIN: one, TAB_2: two}


class SigningIn(TwoTabs):
    """Both tabs sign the same person in, for the first time here."""

    kind = "login"
    linking = "off"  # it has a scene of its own

    def prepare(self) -> None:
        self.tenant.add_user(email=XPTO, password="a good one")
        self.tenant.add_user(email="stranger@example.com", password="a good one")
        Browser(self.tenant).sign_in("stranger@example.com")  # metadata, keys and tokens are there now
        self.callbacks = [self.browser.authorize(self.browser.start(), XPTO) for _ in range(2)]

    def actors(self) -> Mapping[str, Callable[[], object]]:
        return self.deliveries(*self.callbacks)

    def crashing(self) -> tuple[str, ...]:
        """The second tab as well: also while what arrives twice is on its way."""
        return (TAB_1, TAB_2)

    def check_end(self) -> None:
        assert Identity.objects.filter(subject__contains="|").count() in (1, 2)

    def check_results(self, results: Results) -> None:
        assert Identity.objects.count() == 2, "The stranger, and the person once."
        assert all(isinstance(each, SignedIn) for each in results.values()), results
        replayed = [each.replayed for each in (results[TAB_1], results[AGAIN])]
        assert sorted(replayed) == [False, True], f"One signs in, and the other one repeats it: {results}"


class Connecting(TwoTabs):
    """Both tabs connect the same account."""

    kind = "connect_account"
    scope = "openid profile email offline_access"

    def prepare(self) -> None:
        self.tenant.add_user(email=XPTO, password="a good one")
        for email in (QWERTY, "other@example.com"):
            self.tenant.add_user(email=email, connection=GOOGLE, signed_up=False)
        self.browser.sign_in(XPTO)
        self.browser.connect(GOOGLE, "other@example.com")
        self.callbacks = [self._choose() for _ in range(2)]

    def _choose(self) -> Callback:
        started = self.browser.post("/auth/connect/", {"connection": GOOGLE, "next": "/profile/"})
        return self.browser.visitor.connect(started["Location"], as_account=QWERTY)

    def actors(self) -> Mapping[str, Callable[[], object]]:
        return self.deliveries(*self.callbacks, user_id=self.browser.user_id)

    def check_end(self) -> None:
        assert ConnectedAccount.objects.count() in (1, 2), "The other one, and this one at most once."

    def check_results(self, results: Results) -> None:
        assert ConnectedAccount.objects.count() == 2
        assert all(isinstance(each, Connected) for each in results.values()), results


class Linking(TwoTabs):
    """Both tabs prove that the same account is theirs, to have the same newcomer linked to it."""

    kind = "account_linking"

    def prepare(self) -> None:
        self.first = self.tenant.add_user(email=XPTO, connection=GOOGLE)
        Browser(self.tenant).sign_in(self.first.user_id)
        self.newcomer = self.tenant.add_user(email=XPTO, password="a good one")
        # Both are asked before the first one proves anything: then the tenant knows the browser as the first.
        pages = [asked(self.browser, self.browser.sign_in(self.newcomer.user_id)).address for _ in range(2)]
        locations = [self.browser.post(f"{page}confirm/")["Location"] for page in pages]
        self.callbacks = [self.browser.authorize(each, self.first.user_id) for each in locations]

    def actors(self) -> Mapping[str, Callable[[], object]]:
        return self.deliveries(*self.callbacks)

    def check_end(self) -> None:
        assert AccountLink.objects.count() <= 1

    def check_results(self, results: Results) -> None:
        assert AccountLink.objects.count() == 1
        assert all(isinstance(each, SignedIn) for each in results.values()), results


class Disconnecting(TwoTabs):
    """The same button, three times."""

    kind = "disconnect_account"
    scope = "openid profile email offline_access"

    def prepare(self) -> None:
        self.tenant.add_user(email=XPTO, password="a good one")
        self.tenant.add_user(email=QWERTY, connection=GOOGLE, signed_up=False)
        self.browser.sign_in(XPTO)
        self.browser.connect(GOOGLE, QWERTY)
        self.account = ConnectedAccount.objects.get()

    def alike(self) -> tuple[str, ...]:
        return (TAB_1, AGAIN, TAB_2)

    def inputs(self) -> dict[str, Any]:
        details = self.browser.client.session["stateful_oauth"]
        account = {"account": self.account.remote_id, "connection": GOOGLE}
        return {**account, "subject": details["sub"], "grant": details["grant"], "next": "/profile/"}

    def actors(self) -> Mapping[str, Callable[[], object]]:
        inputs, person = self.inputs(), self.person(self.browser.user_id)
        return dict.fromkeys(self.alike(), lambda: wiring.engine().start(self.kind, inputs, person))

    def check_end(self) -> None:
        assert not ConnectedAccount.objects.exists() or self.tenant.ledger.count("account_disconnected") == 0

    def check_results(self, results: Results) -> None:
        assert not ConnectedAccount.objects.exists()
        assert all(isinstance(each, Disconnected) for each in results.values()), results


class Unlinking(Disconnecting):
    """The same button, three times."""

    kind = "unlink_account"
    scope = "openid profile email"

    def prepare(self) -> None:
        add = self.tenant.add_user
        self.xpto = add(email=XPTO, password="a good one", user_metadata={"colour": "red"})
        self.social = add(email=XPTO, connection=GOOGLE, user_metadata={"size": 42, "colour": "blue"})
        self.browser.sign_in(self.xpto.user_id)
        Browser(self.tenant).sign_in(self.social.user_id)
        self.link = AccountLink.objects.get()

    def inputs(self) -> dict[str, Any]:
        link = self.link
        return {
            "primary": link.primary_subject,
            "secondary": link.secondary_subject,
            "connection": link.connection,
            "provider": link.provider,
            "provider_user_id": link.provider_user_id,
            "next": "/profile/",
        }

    def check_end(self) -> None:
        apart = self.tenant.ledger.count("identity_unlinked")
        assert apart <= 1
        assert AccountLink.objects.filter(unlinked_at=None).exists() == (apart == 0)

    def check_results(self, results: Results) -> None:
        assert self.tenant.ledger.count("identity_unlinked") == 1
        assert all(isinstance(each, Unlinked) for each in results.values()), results


SCENES = (SigningIn, Connecting, Linking, Disconnecting, Unlinking)
