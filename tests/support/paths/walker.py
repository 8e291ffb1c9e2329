"""What the walkers of all flows have in common: a browser at the site, and a tenant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias

from django.contrib.auth import get_user_model

from stateful_oauth.django.browser.binding import cookie_name, new_binding
from stateful_oauth.emulator import Tenant, User
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.storage.identities import add_identity
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.browser import Browser
from stateful_oauth.testing.clock import ManualClock
from stateful_oauth.testing.walker import Walker
from tests.support.crashes import at, crash_at

Key: TypeAlias = tuple[str, ...]  # source and event, and the target where guards choose between several
Ways: TypeAlias = Mapping[Key, Callable[[Any], Any]]


class BrowserWalker(Walker):
    """Walks one path with a browser; in the end the browser looks how it stands."""

    settled = ("pushes_request",)

    def __init__(self, tenant: Tenant, clock: ManualClock, browser: Browser) -> None:
        super().__init__(clock)
        self.tenant, self.browser = tenant, browser
        # The browser has been here before: a new one would get its cookie with an answer that never comes.
        browser.client.cookies[cookie_name()] = new_binding().value
        self.location = ""

    def after(self) -> None:
        self.follow()

    def row(self) -> FlowTransaction:
        """Return the transaction of this flow."""
        return FlowTransaction.objects.get(pk=self.id)

    @property
    def pushes(self) -> bool:
        """Whether authorization requests are pushed on this path."""
        return any(edge.target == "pushing_request" for edge in self.path)

    def follow(self) -> Any:
        """Open the page that tells the browser how its attempt stands."""
        return self.browser.get(f"/auth/progress/{self.id}/")

    def url(self) -> str:
        """Where the browser is to go: after a crash the progress page tells, and not the lost answer."""
        location, self.location = self.location, ""
        if location.startswith(self.tenant.issuer):
            return location
        followed = self.follow()
        assert followed.status_code == 303, followed.content.decode()
        return str(followed["Location"])

    def has_an_account(self, user: User, *, active: bool = True) -> None:
        """Let an Auth0 user have a Django user here already."""
        claims = {"email": user.email, "email_verified": True}
        identity = VerifiedIdentity(issuer=self.tenant.issuer, subject=user.user_id, claims=claims)
        make = get_user_model().objects.create_user
        add_identity(identity, lambda: make(user.user_id, is_active=active), now=self.clock.now())


def nothing(walker: BrowserWalker) -> None:
    """The effect finds what it expects."""
    del walker


def meanwhile(effect: str, action: Callable[[Any], object]) -> Callable[[BrowserWalker], Any]:
    """Let something happen elsewhere just before an effect looks."""
    return lambda walker: at("effect.before", effect, lambda: action(walker))


def worker_dies(effect: str, *, unless_next: frozenset[str] = frozenset()) -> Callable[[BrowserWalker], Any]:
    """Let the worker die when the effect has happened; or before, where one of `unless_next` comes next.

    What has happened can only be found to have happened: for a failure, it must not happen first.
    """

    def arrange(walker: BrowserWalker) -> AbstractContextManager[None]:
        happens = walker.rest[0].event not in unless_next
        return crash_at("effect.after" if happens else "effect.before", effect)

    return arrange


def refuses(
    method: str, endpoint: str, status: int = 400, json: Any = None
) -> Callable[[BrowserWalker], None]:
    """Let the tenant refuse one request."""

    def arrange(walker: BrowserWalker) -> None:
        walker.tenant.faults.add(endpoint, "answer", method=method, status=status, json=json)

    return arrange


def loses(endpoint: str) -> Callable[[BrowserWalker], None]:
    """Let one answer of the tenant be lost."""

    def arrange(walker: BrowserWalker) -> None:
        walker.tenant.faults.add(endpoint, "lost_answer")

    return arrange


@contextmanager
def blocked(tenant: Tenant, user: User) -> Iterator[None]:
    """Let a user be blocked for a while."""
    tenant.block_user(user.user_id)
    yield
    tenant.block_user(user.user_id, blocked=False)
