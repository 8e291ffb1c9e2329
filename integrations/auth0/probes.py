"""Probes of a tenant that need no user and change nothing, for diagnostics before the first sign-in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from stateful_oauth.auth0.management_token import ManagementToken
from stateful_oauth.auth0.problem_answers import problem_of, unusable
from stateful_oauth.auth0.unverified_claims import unverified_claims, unverified_issuer
from stateful_oauth.flows.engine.errors import ServiceRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from stateful_oauth.auth0.config import Auth0Config
    from stateful_oauth.auth0.json_members import Members
    from stateful_oauth.auth0.transport import Answer, Transport
    from stateful_oauth.flows.engine.secret import Secret

_LONGEST_AGE: Final = 31_536_000  # seconds, a year
# RFC 2606 §2 reserves the domain: no user has this email.
_UNUSED_EMAIL: Final = "no-user@probe.invalid"


@dataclass(frozen=True, slots=True)
class Landing:
    """Where a browser would be after opening a URL.

    Attributes:
        location: Where it is redirected to; an empty string for a page.
    """

    status: int
    location: str = field(repr=False)

    @property
    def url(self) -> str:
        """The location without its parameters."""
        return urlsplit(self.location)._replace(query="", fragment="").geturl()

    @property
    def error(self) -> str:
        """The `error` of an OAuth error response (RFC 6749 §4.1.2.1), or an empty string."""
        return parse_qs(urlsplit(self.location).query).get("error", [""])[0]


@dataclass(frozen=True, slots=True)
class MachineClaims:
    """What a token of the client-credentials grant says about itself, unverified; None: it does not say.

    Attributes:
        scopes: All that the application was granted.
    """

    token: Secret = field(repr=False)
    issuer: str | None
    audience: tuple[str, ...] | None
    scopes: frozenset[str] | None


class Probes:
    """Asks. It keeps nothing of the process: give it a transport of its own.

    Methods raise `FlowError`; time limits are in seconds and bound the whole call.
    """

    def __init__(self, config: Auth0Config, transport: Transport, now: Callable[[], datetime]) -> None:
        self._config, self._transport, self._now = config, transport, now

    def announced_issuer(self, *, time_limit: float) -> str | None:
        """Return the issuer that the discovery document names, or None when there is no such document."""
        return self.announced("issuer", time_limit=time_limit)

    def announced(self, name: str, *, time_limit: float) -> str | None:
        """Return a text of the discovery document, or None when there is no such text or document."""
        members = self.document(time_limit=time_limit)
        value = None if members is None else members.get(name)
        return value if isinstance(value, str) else None

    def document(self, *, time_limit: float) -> Members | None:
        """Return the discovery document, or None when there is none."""
        answer = self._discovery(time_limit)
        return answer.members_or_none() if answer.status == 200 else None

    def clock_skew(self, *, time_limit: float) -> float | None:
        """Return by how many seconds our clock is ahead of the provider's, or None: it does not say.

        From the HTTP `Date` header (RFC 9110 §6.6.1), which counts whole seconds: right to about one.
        """
        asked = self._now()
        answer = self._discovery(time_limit)
        middle = asked + (self._now() - asked) / 2
        try:
            date = parsedate_to_datetime(answer.headers["Date"])
            age = int(answer.headers.get("Age", "0"))  # a cache answered (RFC 9111 §5.1)
        except (KeyError, TypeError, ValueError, OverflowError, IndexError):
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        # Half a second is cut off on average.
        return (middle - date).total_seconds() - min(max(age, 0), _LONGEST_AGE) - 0.5

    def open(self, url: str, *, time_limit: float) -> Landing:
        """Open a URL as a browser without a session at the provider; follow no redirect."""
        answer = self._transport.get(
            url, time_limit=time_limit, headers={"Accept": "text/html"}, takes_redirect=True
        )
        return Landing(answer.status, answer.headers.get("Location", "") if answer.status < 400 else "")

    def machine_token(self, *, time_limit: float) -> MachineClaims:
        """Get a token for the Management API with every scope that the application has.

        It counts against the tenant's quota of machine-to-machine tokens.

        Raises:
            ServiceRefused: Code `management_refused`.
        """
        holder = ManagementToken(self._config, self._transport, self._now, frozenset())
        token = holder.get(time_limit).value
        audience = unverified_claims(token.value).audience
        return MachineClaims(token.value, unverified_issuer(token.value), audience, token.scopes)

    def read_users(self, token: Secret, *, time_limit: float) -> None:
        """Look for a user that cannot be there, as linking looks for candidates.

        Raises:
            ServiceRefused: `management_scope_missing` or `management_refused`.
        """
        query = urlencode({"email": _UNUSED_EMAIL, "fields": "user_id", "include_fields": "true"})
        answer = self._transport.get(
            f"{self._config.management_base_url}api/v2/users-by-email?{query}",
            time_limit=time_limit,
            headers={"Authorization": _bearer(token)},
        )
        if answer.status == 200:
            answer.array()
            return
        problem = problem_of(answer)
        if problem is None:
            raise unusable(answer)
        code = "management_scope_missing" if problem.status == 403 else "management_refused"
        raise ServiceRefused(code, f"The Management API refused: {problem.status}.")

    def _discovery(self, time_limit: float) -> Answer:
        url = self._config.issuer.removesuffix("/") + "/.well-known/openid-configuration"
        return self._transport.get(url, time_limit=time_limit)


def _bearer(token: Secret) -> Secret:
    return type(token)(f"Bearer {token.reveal()}")
