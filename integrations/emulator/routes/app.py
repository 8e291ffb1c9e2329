"""The WSGI application: finds the route, applies the faults, holds the lock."""

from __future__ import annotations

import http
import logging
import time
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from werkzeug.wrappers import Request

from stateful_oauth.emulator.errors import OAUTH, Refusal, not_found
from stateful_oauth.emulator.faults import AnswerLost, RequestLost, Unreachable
from stateful_oauth.emulator.routes import Route, table
from stateful_oauth.emulator.wire import Call

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from stateful_oauth.emulator.answers import Answer
    from stateful_oauth.emulator.state import TenantState

logger = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""Under this name ``tenant.requests`` counts requests to paths that do not exist."""


class Application:
    """One tenant's endpoints."""

    def __init__(self, tenant: TenantState) -> None:
        self.tenant = tenant

    def exchange(
        self, environ: WSGIEnvironment, *, patience: float | None = None, real_time: bool = False
    ) -> Answer:
        """Answer a request.

        ``patience`` is the caller's read timeout in seconds. With ``real_time`` a slow answer is really slow;
        otherwise one slower than ``patience`` raises ``AnswerLost`` at once. Raises ``RequestLost`` before
        anything happened.
        """
        call = Call(Request(environ, populate_request=False))
        method, path = call.request.method, call.request.path
        # An issuer may have a path (OpenID Connect Discovery 1.0 §4.1).
        prefix = urlsplit(self.tenant.base_url).path
        path = path.removeprefix(prefix)
        routes, call.path = table().find(path)
        raw = str(environ.get("RAW_URI", "")).partition("?")[0].removeprefix(prefix)
        if "%2f" in raw.lower():
            # A slash inside a segment, as some providers' user ids have it.
            routes, named = table().find(raw)
            call.path = {name: unquote(value) for name, value in named.items()}
        route = next((r for r in routes if method in r.methods.split()), None)
        if route is None and method == "HEAD":
            route = next((r for r in routes if "GET" in r.methods.split()), None)
        endpoint = route.path if route else routes[0].path if routes else UNKNOWN
        if route is not None and not route.counted:
            return self._carry_out(route, call)
        fault = self.tenant.faults.strike(endpoint, method, call.shown)
        if fault is not None and fault.kind == "lost_request":
            raise RequestLost(f"{endpoint}: the request was lost")
        if fault is not None and fault.kind == "unreachable":
            raise Unreachable(f"{endpoint}: there is no connection")
        with self.tenant.lock:
            self.tenant.requests[endpoint] += 1
        if fault is None:
            return self._dated(self._reply(route, routes, call))
        true = self._reply(route, routes, call) if fault.happens else None
        if fault.kind == "lost_answer":
            raise AnswerLost(f"{endpoint}: the answer was lost")
        if fault.kind == "slow":
            self._wait(fault.delay, patience, real_time=real_time)
        family = routes[0].family if routes else OAUTH
        return self._dated(fault.spoil(true, family, self.tenant.clock.now()))

    def _dated(self, answer: Answer) -> Answer:
        """Say what time it is at the tenant, to the second (RFC 9110 §6.6.1)."""
        if answer.header("Date") is not None:
            return answer
        return answer.with_headers(("Date", formatdate(self.tenant.clock.now(), usegmt=True)))

    def _reply(self, route: Route | None, routes: list[Route], call: Call) -> Answer:
        if route is not None:
            return self._carry_out(route, call)
        return routes[0].family.wrong_method() if routes else not_found()

    def _wait(self, delay: float, patience: float | None, *, real_time: bool) -> None:
        if real_time:
            time.sleep(delay)
            return
        if self.tenant.clock.standing:
            self.tenant.clock.advance(delay if patience is None else min(delay, patience))
        if patience is not None and delay >= patience:
            raise AnswerLost(f"the answer took {delay} s")

    def _carry_out(self, route: Route, call: Call) -> Answer:
        with self.tenant.lock:
            try:
                return route.handler(self.tenant, call)
            except Refusal as refusal:
                return refusal.answer()
            except Exception:
                # As a real server would; tests of the emulator fail on the log line.
                logger.exception("The emulator failed on %s", route.path)
                return route.family.failed(500)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI entry; a lost request or answer raises ``ConnectionError``: servers hang up on that."""
        answer = self.exchange(environ, real_time=True)
        status = f"{answer.status} {reason(answer.status)}"
        headers = list(answer.headers)
        if answer.header("Content-Length") is None:
            headers.append(("Content-Length", str(len(answer.body))))
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]


def reason(status: int) -> str:
    """Return the reason phrase of a status."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
