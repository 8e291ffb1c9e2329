"""What makes each edge of the login machine happen, in the real engine, store and tenant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from callers import Operator
from crashes import at, crash_at
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import override_settings
from paths import Path
from rows import the_row

from stateful_oauth.flows.definition import Edge
from stateful_oauth.flows.effects import Event
from stateful_oauth.flows.openid import VerifiedIdentity
from stateful_oauth.integrations.django import wiring
from stateful_oauth.integrations.django.browser import cookie_name, new_binding
from stateful_oauth.integrations.django.callers import SystemCaller
from stateful_oauth.integrations.emulator import Tenant
from stateful_oauth.integrations.testing.browser import Browser
from stateful_oauth.integrations.testing.clock import ManualClock
from stateful_oauth.storage.identities import add_identity

ADA = "ada@example.com"
Key = tuple[str, str]  # source and event


class LoginPath:
    """Walks one path. Who comes before an edge that an effect takes prepares the world for it.

    An edge is one of two sorts. A *stimulus* comes from outside: the browser, the sweep, an operator. A
    *result* is what an effect finds, and has to be arranged before the stimulus that starts the effect.
    """

    def __init__(self, tenant: Tenant, clock: ManualClock, browser: Browser) -> None:
        self.tenant, self.clock, self.browser = tenant, clock, browser
        self.location = ""

    def walk(self, path: Path) -> None:
        """Take every edge of the path, in its order."""
        with self._site(path):
            for position, edge in enumerate(path):
                stimulus = STIMULI.get((edge.source, edge.event))
                if stimulus is None:
                    assert (edge.source, edge.event) in RESULTS, f"Nobody knows how to make {edge} happen."
                    continue
                with ExitStack() as world:
                    for coming in path[position + 1 :]:
                        world.enter_context(RESULTS.get((coming.source, coming.event), _nothing)(self))
                        if (coming.source, coming.event) in STIMULI:
                            break
                    stimulus(self)

    @contextmanager
    def _site(self, path: Path) -> Iterator[None]:
        pushes = path[0].target == "pushing_request"
        self.tenant.settings.par = pushes
        changed = {**settings.STATEFUL_OAUTH, "PUSHED_AUTHORIZATION_REQUESTS": pushes}
        with override_settings(STATEFUL_OAUTH=changed):
            yield

    # Stimuli.

    def start(self) -> None:
        self.location = self.browser.start("/profile/")

    def fail_to_start(self) -> None:
        self.tenant.faults.add("/.well-known/openid-configuration", "lost_request")
        self.browser.start("/profile/")

    def come_back(self) -> None:
        self.browser.get(self.browser.authorize(self._address(), ADA))

    def come_back_declined(self) -> None:
        self.browser.get(str(self.browser.visitor.decline(self._address())))

    def come_back_from_another_issuer(self) -> None:
        self.browser.get(self.browser.authorize(self._address(), ADA) + "&iss=https%3A%2F%2Fevil.example%2F")

    def come_back_blocked(self) -> None:
        self.tenant.block_user(self._ada().user_id)
        self.browser.get(self.browser.authorize(self._address(), ADA))

    def come_back_late(self) -> None:
        callback = self.browser.authorize(self._address(), ADA)
        self.clock.advance(601)
        self.browser.get(callback)

    def abandon(self) -> None:
        wiring.engine().dispatch(the_row().pk, Event("abandon", code="abandoned"), Operator(), kind="login")

    def sweep(self) -> None:
        self.clock.advance(60)
        wiring.engine().recover(the_row().pk, SystemCaller())

    # What effects find.

    def pushing_fails(self) -> AbstractContextManager[Any]:
        self.tenant.faults.add("/oauth/par", "answer", status=400, json={"error": "invalid_request"})
        return nullcontext()

    def worker_dies_pushing(self) -> AbstractContextManager[Any]:
        # The browser has been here before: a new one would get its cookie with the answer that never comes.
        self.browser.client.cookies[cookie_name()] = new_binding()
        return crash_at("effect.after", "push_request")

    def operator_abandons_while_pushing(self) -> AbstractContextManager[Any]:
        return at("effect.after", "push_request", self.abandon)

    def operator_abandons_while_exchanging(self) -> AbstractContextManager[Any]:
        return at("effect.after", "exchange_code", self.abandon)

    def nonce_is_wrong(self) -> AbstractContextManager[Any]:
        self.tenant.id_token_hook = lambda claims, header: claims.update(nonce="of another sign-in")
        return nullcontext()

    def answer_of_the_exchange_is_lost(self) -> AbstractContextManager[Any]:
        self.tenant.faults.add("/oauth/token", "lost_answer")
        return nullcontext()

    def user_is_inactive(self) -> AbstractContextManager[Any]:
        identity = VerifiedIdentity(issuer=self.tenant.issuer, subject=self._ada().user_id, claims={})
        make = get_user_model().objects.create_user
        add_identity(identity, lambda: make("ada", is_active=False), now=self.clock.now())
        return nullcontext()

    def _ada(self) -> Any:
        return next(user for user in self.tenant.people.users.values() if user.email == ADA)

    def _address(self) -> str:
        """Where the browser is to go: after a crash that is not `start`'s redirect, but a progress page's."""
        if self.location:
            return self.location
        followed = self.browser.get(f"/auth/progress/{the_row().pk}/")
        assert followed.status_code == 303, followed.content.decode()
        return str(followed["Location"])


@contextmanager
def _nothing(walker: LoginPath) -> Iterator[None]:
    yield


STIMULI: dict[Key, Callable[[LoginPath], None]] = {
    ("created", "start"): LoginPath.start,
    ("created", "fail"): LoginPath.fail_to_start,
    ("pushing_request", "retry"): LoginPath.sweep,
    ("awaiting_callback", "callback"): LoginPath.come_back,
    ("awaiting_callback", "cancel"): LoginPath.come_back_declined,
    ("awaiting_callback", "mismatch"): LoginPath.come_back_from_another_issuer,
    ("awaiting_callback", "fail"): LoginPath.come_back_blocked,
    ("awaiting_callback", "expire"): LoginPath.come_back_late,
    ("awaiting_callback", "abandon"): LoginPath.abandon,
}
RESULTS: dict[Key, Callable[[LoginPath], AbstractContextManager[Any]]] = {
    ("pushing_request", "request_pushed"): _nothing,
    ("pushing_request", "fail"): LoginPath.pushing_fails,
    ("pushing_request", "retry"): LoginPath.worker_dies_pushing,
    ("pushing_request", "abandon"): LoginPath.operator_abandons_while_pushing,
    ("exchanging_code", "code_exchanged"): _nothing,
    ("exchanging_code", "mismatch"): LoginPath.nonce_is_wrong,
    ("exchanging_code", "fail"): LoginPath.answer_of_the_exchange_is_lost,
    ("exchanging_code", "abandon"): LoginPath.operator_abandons_while_exchanging,
    ("resolving_account", "account_resolved"): _nothing,
    ("resolving_account", "fail"): LoginPath.user_is_inactive,
}


def known(edge: Edge) -> bool:
    """Whether somebody knows how to make this edge happen."""
    return (edge.source, edge.event) in STIMULI or (edge.source, edge.event) in RESULTS
