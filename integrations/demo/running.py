"""What the demo's one process holds in memory: the tenant, the clock, and what was broken on purpose."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from stateful_oauth.demo.people import PASSWORDS, Person
from stateful_oauth.demo.seed_data import add_person

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from stateful_oauth.demo.clock import OffsetClock
    from stateful_oauth.emulator import EmulatorServer, Tenant

_FIRST_NUMBER: Final = 90_000_000
_PASSERS_BY_KEPT: Final = 8  # at the provider, or its page would get long

Claims: TypeAlias = dict[str, Any]
Tampering: TypeAlias = "Callable[[Claims, dict[str, Any]], str | None]"


@dataclass(slots=True)
class Note:
    """What a visitor's "what if" has come to.

    Attributes:
        attempts: The transactions, in the order in which they were started.
        callbacks: The provider's answers to them: URLs of this site.
        remark: A sentence about what happened out of the visitor's sight.
    """

    attempts: list[uuid.UUID] = field(default_factory=list)
    callbacks: list[str] = field(default_factory=list)
    remark: str = ""


class RunningDemo:
    """Site and tenant, as seen by the demo's "what if" pages."""

    def __init__(self, tenant: Tenant, server: EmulatorServer, clock: OffsetClock) -> None:
        self.tenant, self.server, self.clock = tenant, server, clock
        self.notes: dict[tuple[str, str], Note] = {}
        self._browsers: defaultdict[str, set[bytes]] = defaultdict(set)
        self._tampering: dict[str, Tampering] = {}
        self._repairs: dict[str, Callable[[], None]] = {}
        self._passers_by: deque[Person] = deque()
        self._people_made = 0
        self._lock = RLock()
        tenant.clock.follow(clock.timestamp)
        tenant.id_token_hook = self._tampered

    # Whose attempts a visitor may look at. The binding cookie is gone after signing out, and the timeline
    # should not be gone with it.

    def remember_browser(self, visitor: str, browser: bytes) -> None:
        """Note that `visitor` is behind this binding cookie."""
        with self._lock:
            self._browsers[visitor].add(browser)

    def browsers_of(self, visitor: str) -> set[bytes]:
        """Return the digests of the binding cookies that `visitor` has had."""
        with self._lock:
            return set(self._browsers.get(visitor, ()))

    # People for one press of a button.

    def passer_by(
        self, connection: str, *, email: str = "", verified: bool = True, known: bool = True
    ) -> Person:
        """Add a new person to the tenant, because accounts that were linked once cannot be linked again.

        Args:
            email: Of another account of the same person; otherwise a new one.
            verified: Whether the provider has verified the email.
            known: Whether the tenant has an account already, or makes it at the first sign-in.
        """
        with self._lock:
            self._people_made += 1
            number = self._people_made
            strategy = "auth0" if connection == PASSWORDS else connection
            person = Person(
                name=f"Robin {number}",
                email=email or f"robin{number}@example.com",
                sub=f"{strategy}|{_FIRST_NUMBER + number}",
                connection=connection,
                password="robin" if connection == PASSWORDS else "",
                verified=verified,
                known=known,
            )
            add_person(self.tenant, person)
            self._passers_by.append(person)
            while len(self._passers_by) > _PASSERS_BY_KEPT:
                self._forget(self._passers_by.popleft())
        return person

    def _forget(self, person: Person) -> None:
        self.tenant.delete_user(person.sub)
        with self.tenant.lock:
            people = self.tenant.people
            people.accounts = [each for each in people.accounts if each.user_id != person.sub]

    # What is broken, and for how long.

    def tamper(self, nonce: str, how: Tampering) -> None:
        """Spoil the ID token of the sign-in with this nonce."""
        with self._lock:
            self._tampering[nonce] = how

    def broken_until(self, state: str, repair: Callable[[], None]) -> None:
        """Have `repair` called when the callback with this `state` has been answered."""
        with self._lock:
            self._repairs[state] = repair

    def repair(self, state: str | None = None) -> None:
        """Undo what was broken for one sign-in, or for all."""
        with self._lock:
            states = [state] if state is not None else list(self._repairs)
            repairs = [self._repairs.pop(name) for name in states if name in self._repairs]
        for repair in repairs:
            repair()

    def _tampered(self, claims: Claims, header: dict[str, Any]) -> str | None:
        with self._lock:
            how = self._tampering.pop(str(claims.get("nonce", "")), None)
        return None if how is None else how(claims, header)


_current: list[RunningDemo] = []


def enter(demo: RunningDemo) -> None:
    """Make it the running demo of this process."""
    _current[:] = [demo]


def running_demo() -> RunningDemo:
    """Return the running demo of this process.

    Raises:
        LookupError: The site was not started by `python -m stateful_oauth.demo`.
    """
    if not _current:
        raise LookupError("Start the demo with: python -m stateful_oauth.demo")
    return _current[0]


def running_demo_or_none() -> RunningDemo | None:
    """Return the running demo of this process, if it was started as a demo."""
    return _current[0] if _current else None
