"""Back-channel logout: the tokens that a tenant owes its clients, and their delivery by a server."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

TIMEOUT: Final = 5.0  # seconds, as Auth0
_KEPT: Final = 1000

INITIATORS: Final = frozenset(
    {
        "rp-logout",
        "idp-logout",
        "password-changed",
        "session-expired",
        "session-revoked",
        "account-deleted",
        "email-identifier-changed",
    }
)
"""What makes Auth0 send logout tokens (docs/auth0-contract.md §6)."""


@dataclass(frozen=True)
class LogoutDelivery:
    """A logout token on its way: ``reason`` is Auth0's name of what started it."""

    client_id: str
    url: str
    token: str
    user_id: str
    sid: str
    reason: str

    @property
    def body(self) -> bytes:
        """The form to send."""
        return urlencode({"logout_token": self.token}).encode()


class LogoutTokens:
    """Deliveries in order. In process, a test takes and delivers them; a server has ``send`` do it at once.

    ``sent`` are those of a server, with the status that the client answered; 0 stands for no answer.
    """

    def __init__(self) -> None:
        self._waiting: deque[LogoutDelivery] = deque(maxlen=_KEPT)
        self._lock = Lock()
        self.send: Callable[[LogoutDelivery], int] | None = None
        self.sent: deque[tuple[LogoutDelivery, int]] = deque(maxlen=_KEPT)

    def add(self, delivery: LogoutDelivery) -> None:
        """Owe a token; never waits for the client."""
        if self.send is not None:
            Thread(target=self._deliver, args=(self.send, delivery), daemon=True).start()
            return
        with self._lock:
            self._waiting.append(delivery)

    def _deliver(self, send: Callable[[LogoutDelivery], int], delivery: LogoutDelivery) -> None:
        self.sent.append((delivery, send(delivery)))

    def take(self) -> list[LogoutDelivery]:
        """Return what waits, oldest first; it does not wait any more."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        return taken


def post(delivery: LogoutDelivery) -> int:
    """Post a token as Auth0 does, five seconds and no second try; return the status, or 0."""
    if not delivery.url.startswith(("https://", "http://")):
        return 0
    request = Request(  # noqa: S310 - the scheme is checked above
        delivery.url, delivery.body, {"Content-Type": "application/x-www-form-urlencoded"}, method="POST"
    )
    try:
        with urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310 - as above
            return int(response.status)
    except HTTPError as error:
        return error.code
    except OSError as error:
        logger.warning("logout token for %s was not taken: %s", delivery.client_id, error)
        return 0
