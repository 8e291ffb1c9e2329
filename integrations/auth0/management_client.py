"""auth0-python's own client, for every endpoint of the Management API, on this package's transport and token.

Imported by the first use and not before: it takes about half a second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import httpx

from auth0.management import Auth0
from stateful_oauth.auth0.problem_answers import problem_of
from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.engine.secret import Secret

if TYPE_CHECKING:
    from stateful_oauth.auth0.management_token import ManagementToken
    from stateful_oauth.auth0.transport import Answer, Transport

ManagementClient: TypeAlias = Auth0  # for those who may not know the SDK
_HEADERS: Final = ("authorization", "content-type")  # the others are the transport's


class _Client(httpx.Client):
    """What auth0-python takes for its HTTP client: our connections, limits, and token."""

    def __init__(self, transport: Transport, tokens: ManagementToken, time_limit: float) -> None:
        # Neither the environment nor certificates are read: this client opens no connection.
        super().__init__(transport=httpx.BaseTransport(), trust_env=False)
        self._own_transport, self._tokens, self._limit = transport, tokens, time_limit

    def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        """Send a request. One that was answered with 401 was not carried out: it goes out with a new token.

        Raises:
            ServiceRefused: The token lacks a scope. Code: `management_scope_missing`.
            FlowError: See `Transport.send` and `ManagementToken.get`.
        """
        deadline = time.monotonic() + self._limit
        held = self._tokens.get(deadline - time.monotonic())
        answer = self._sent(request, held.value.value, deadline)
        if answer.status == 401:
            newer = self._tokens.renewed(held, deadline - time.monotonic())
            if newer is not None:
                answer = self._sent(request, newer.value.value, deadline)
        problem = problem_of(answer) if answer.status == 403 else None
        if problem is not None and problem.code == "insufficient_scope":
            raise ServiceRefused(
                "management_scope_missing", "The Management API refused: insufficient scope."
            )
        kind = answer.headers.get("content-type", "")
        return httpx.Response(
            answer.status, headers={"content-type": kind}, content=answer.body, request=request
        )

    def _sent(self, request: httpx.Request, token: Secret, deadline: float) -> Answer:
        body = request.content
        headers = {name: Secret(request.headers[name]) for name in _HEADERS if name in request.headers}
        return self._own_transport.send(
            request.method,
            str(request.url),
            body=Secret(body.decode()) if body else None,
            headers=headers | {"authorization": Secret(f"Bearer {token.reveal()}")},
            time_limit=deadline - time.monotonic(),
        )


def management_client(
    transport: Transport, *, base_url: str, tokens: ManagementToken, time_limit: float
) -> Auth0:
    """Return auth0-python's client. Its own retries are off, because they repeat POSTs.

    Args:
        base_url: `https://…/api/v2`.
        time_limit: Seconds for each call.
    """
    client = _Client(transport, tokens, time_limit)
    # The client puts its own token in the place of this one.
    return Auth0(base_url=base_url, token="unused", max_retries=0, httpx_client=client)  # noqa: S106 - no token
