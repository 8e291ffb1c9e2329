"""Walking a path: what all flows have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, ClassVar, TypeAlias

from callers import Operator
from crashes import at, crash_at
from django.contrib.auth import get_user_model
from rows import show, steps

from paths import Path
from stateful_oauth.django import wiring
from stateful_oauth.django.browser import cookie_name, new_binding
from stateful_oauth.django.callers import SystemCaller
from stateful_oauth.emulator import Tenant, User
from stateful_oauth.flows.engine.definition import Edge
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.storage.identities import add_identity
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.browser import Browser
from stateful_oauth.testing.clock import ManualClock

LEASE = 60  # seconds; longer than that of any effect
Key: TypeAlias = tuple[str, ...]  # source and event, and the target where guards choose between several
Stimuli: TypeAlias = Mapping[Key, Callable[[Any], None]]
Results: TypeAlias = Mapping[Key, Callable[[Any], AbstractContextManager[Any] | None]]


class Walker:
    """Walks one path. Who comes before an edge that an effect takes prepares the world for it.

    An edge is one of two sorts. A *stimulus* comes from outside: the browser, the sweep, an operator. A
    *result* is what an effect finds, and has to be arranged before the stimulus that starts the effect.

    Attributes:
        kind: The flow.
        stimuli: What makes an edge happen, from outside.
        results: What lets an effect find what the edge stands for; it may return a context for meanwhile.
        path: The whole path.
        rest: What comes after the edge that is being taken or arranged.
    """

    kind: ClassVar[str]
    stimuli: ClassVar[Stimuli]
    results: ClassVar[Results]

    def __init__(self, tenant: Tenant, clock: ManualClock, browser: Browser) -> None:
        self.tenant, self.clock, self.browser = tenant, clock, browser
        # The browser has been here before: a new one would get its cookie with an answer that never comes.
        browser.client.cookies[cookie_name()] = new_binding().value
        self.location = ""
        self.path: Path = ()
        self.rest: Path = ()

    @classmethod
    def knows(cls, edge: Edge) -> bool:
        """Whether somebody knows how to make this edge happen."""
        return bool(_found(cls.stimuli, edge) or _found(cls.results, edge))

    @classmethod
    def possible(cls, path: Path) -> bool:
        """Whether the world can be such that the machine takes this path."""
        del path
        return True

    def walk(self, path: Path) -> None:
        """Take every edge of the path, in its order; then the browser looks how it ended."""
        self.path = path
        with self.site():
            self.before()
            for position, edge in enumerate(path):
                stimulus = _found(self.stimuli, edge)
                if stimulus is None:
                    assert _found(self.results, edge), f"Nobody knows how to make {edge} happen."
                    continue
                with ExitStack() as world:
                    for ahead, coming in enumerate(path[position + 1 :], position + 2):
                        self.rest = path[ahead:]
                        arranged = _found(self.results, coming)
                        world.enter_context((arranged and arranged(self)) or nullcontext())
                        if _found(self.stimuli, coming):
                            break
                    self.rest = path[position + 1 :]
                    stimulus(self)
            row = self.row()
            expected = [(edge.source, edge.event, edge.target) for edge in path]
            assert steps(row.pk) == expected, f"Another path was taken:\n{show(row.pk)}"
            self.follow()
            self.check()

    # For each flow to fill in.

    def site(self) -> AbstractContextManager[Any]:
        """Be a site with the settings that the path needs."""
        raise NotImplementedError

    def before(self) -> None:
        """Let happen what comes before the transaction."""

    def check(self) -> None:
        """Hold what is known here against what really happened at the tenant."""
        raise NotImplementedError

    # What everybody does.

    def row(self) -> FlowTransaction:
        """Return the one transaction of this flow."""
        return FlowTransaction.objects.get(kind=self.kind)

    def takes(self, event: str, source: str | None = None) -> bool:
        """Whether the path has such an edge."""
        return any(edge.event == event and source in (None, edge.source) for edge in self.path)

    @property
    def pushes(self) -> bool:
        """Whether authorization requests are pushed on this path."""
        return any(edge.target == "pushing_request" for edge in self.path)

    @property
    def end(self) -> str:
        """The final state."""
        return self.path[-1].target

    def abandon(self) -> None:
        """An operator gives it up."""
        wiring.engine().dispatch(
            self.row().pk, Event("abandon", code="abandoned"), Operator(), kind=self.kind
        )

    def sweep(self) -> None:
        """A sweep comes after the lease is over."""
        self.clock.advance(LEASE)
        wiring.engine().recover(self.row().pk, SystemCaller())

    def follow(self) -> Any:
        """The browser opens the page that tells it how its attempt stands."""
        return self.browser.get(f"/auth/progress/{self.row().pk}/")

    def address(self) -> str:
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


def nothing(walker: Walker) -> None:
    """The effect finds what it expects."""
    del walker


def meanwhile(effect: str, action: Callable[[Any], object]) -> Callable[[Walker], Any]:
    """Let something happen elsewhere just before an effect looks."""
    return lambda walker: at("effect.before", effect, lambda: action(walker))


def worker_dies(effect: str, *, unless_next: frozenset[str] = frozenset()) -> Callable[[Walker], Any]:
    """Let the worker die when the effect has happened; or before, where one of `unless_next` comes next.

    What has happened can only be found to have happened: who wants it to fail must let it not happen first.
    """

    def arrange(walker: Walker) -> AbstractContextManager[None]:
        happens = walker.rest[0].event not in unless_next
        return crash_at("effect.after" if happens else "effect.before", effect)

    return arrange


def operator_abandons(effect: str) -> Callable[[Walker], Any]:
    """Let an operator abandon the transaction while the effect is in flight."""
    return lambda walker: at("effect.after", effect, walker.abandon)


def refuses(method: str, endpoint: str, status: int = 400, json: Any = None) -> Callable[[Walker], None]:
    """Let the tenant refuse one request."""

    def arrange(walker: Walker) -> None:
        walker.tenant.faults.add(endpoint, "answer", method=method, status=status, json=json)

    return arrange


def loses(endpoint: str) -> Callable[[Walker], None]:
    """Let one answer of the tenant be lost."""

    def arrange(walker: Walker) -> None:
        walker.tenant.faults.add(endpoint, "lost_answer")

    return arrange


@contextmanager
def blocked(tenant: Tenant, user: User) -> Iterator[None]:
    """Let a user be blocked for a while."""
    tenant.block_user(user.user_id)
    yield
    tenant.block_user(user.user_id, blocked=False)


def _found(table: Mapping[Key, Any], edge: Edge) -> Any:
    return table.get((edge.source, edge.event, edge.target)) or table.get((edge.source, edge.event))
