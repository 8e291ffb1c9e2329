"""The way from the site to the tenant: counts the calls, lets them fail as planned, and sees every secret."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from stateful_oauth.emulator.transports import RequestsAdapter
from stateful_oauth.testing.world.faults import FAILURES, CallFails

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import requests

    from stateful_oauth.emulator import Tenant
    from stateful_oauth.testing.world.faults import Fault

# Members of bodies and parameters that only the site and the tenant may ever see.
SECRET_MEMBERS: Final = frozenset(
    {"access_token", "refresh_token", "id_token", "code", "connect_code", "code_verifier", "client_secret",
     "client_assertion", "assertion", "subject_token", "auth_session", "token"}
)  # fmt: skip
# Those that only a browser on its way to the provider may see besides.
BROWSER_MEMBERS: Final = frozenset({"state", "nonce", "request_uri", "ticket"})
_LINK: Final = re.compile(r"/api/v2/users/([^/]+)/identities")
_SHORTEST: Final = 12  # characters: what is shorter is found by chance
_PATIENCE: Final = 10.0  # seconds after which the site gives up on a slow answer; no time limit is longer


@dataclass
class Plan:
    """What is to happen to the calls of one action, and what they were.

    Attributes:
        calls: Method and path of each call so far.
        failed: How those failed that did.
    """

    failures: Sequence[CallFails] = ()
    calls: list[tuple[str, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, faults: Sequence[Fault]) -> Plan:
        """Take what concerns calls."""
        return cls([each for each in faults if isinstance(each, CallFails)])

    def failure(self) -> str | None:
        """Return how the latest call fails, or None."""
        latest = self.calls[-1][1]
        for each in self.failures:
            matching = sum(each.to in path for _, path in self.calls)
            if each.to in latest and each.call == matching - 1:
                return each.how
        return None


class Gateway(RequestsAdapter):
    """An adapter for the site's transport.

    Attributes:
        tenant: Where it leads.
        plan: Of the action that is going on.
        outage: How every call fails for some time, or None.
        secrets: Every secret that went over the wire, and the member that it was.
        codes_sent: How often each code was sent to the tenant.
        links_against: What spoke against a link at the moment that it was asked for, in words.
    """

    def __init__(self, tenant: Tenant, wait: Callable[[float], None]) -> None:
        super().__init__(tenant.wsgi)
        self.tenant = tenant
        self._wait = wait
        self.plan = Plan()
        self.outage: str | None = None
        self._left = 0
        self.secrets: dict[str, str] = {}
        self.codes_sent: dict[str, int] = {}
        self.links_against: list[str] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request to the tenant, unless it is to fail."""
        path = urlsplit(request.url or "").path
        self.plan.calls.append((request.method or "", path))
        self._learn_request(request)
        self._judge_link(request.method or "", path, request.body)
        how = self.plan.failure()
        if how is None and self.outage is not None:
            how, self._left = self.outage, self._left - 1
            if self._left <= 0:
                self.outage = None
        if how is None:
            return super().send(request, *args, **kwargs)
        self.plan.failed.append(how)
        with self._failing(FAILURES[how]):
            return super().send(request, *args, **kwargs)

    @contextmanager
    def _failing(self, details: Mapping[str, Any]) -> Iterator[None]:
        tenant = self.tenant
        if "claims" in details:
            tenant.id_token_hook = lambda claims, _: claims.update(details["claims"])
            try:
                yield
            finally:
                tenant.id_token_hook = None
            return
        fault = tenant.faults.add("*", **details)
        try:
            yield
        finally:
            tenant.faults.remove(fault)
            if details["kind"] == "slow":
                self._wait(_PATIENCE)

    def fail(self, how: str, calls: int) -> None:
        """Have the next calls fail, whatever they are."""
        self.outage, self._left = how, calls

    def learn(self, members: Mapping[str, Any]) -> None:
        """Remember the secrets among the members of a body or a URL."""
        for name, value in members.items():
            if (
                isinstance(value, str)
                and len(value) >= _SHORTEST
                and name in SECRET_MEMBERS | BROWSER_MEMBERS
            ):
                self.secrets[value] = name

    def _judge_link(self, method: str, path: str, body: str | bytes | None) -> None:
        """Note what speaks against a link, if this call asks for one of two accounts that are there."""
        found = _LINK.fullmatch(path)
        if method != "POST" or found is None:
            return
        sent, users = dict(_members(body)), self.tenant.people.users
        primary = users.get(unquote(found[1]))
        secondary = users.get(f"{sent.get('provider')}|{sent.get('user_id')}")
        if primary is None or secondary is None:
            return  # it is refused
        against = {
            f"{primary.user_id} is blocked": primary.blocked,
            f"{secondary.user_id} is blocked": secondary.blocked,
            f"{secondary.user_id} has other identities": len(secondary.identities) != 1,
        }
        self.links_against += [what for what, holds in against.items() if holds]

    def _learn_request(self, request: requests.PreparedRequest) -> None:
        authorization = request.headers.get("Authorization")
        if authorization:
            self.secrets[str(authorization).partition(" ")[2]] = "authorization"
        sent = dict(_members(request.body))
        self.learn(sent)
        if code := sent.get("code") or sent.get("connect_code"):
            self.codes_sent[code] = self.codes_sent.get(code, 0) + 1


def _members(body: str | bytes | None) -> Iterator[tuple[str, Any]]:
    if not body:
        return
    text = body if isinstance(body, str) else body.decode("utf-8", "replace")
    if text.lstrip().startswith("{"):
        try:
            yield from json.loads(text).items()
        except ValueError:
            return
    else:
        yield from parse_qsl(text)
