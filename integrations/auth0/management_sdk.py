"""auth0-python on this package's transport.

The SDK knows the URLs, encodings and bodies of the Management API. This package sends the requests and reads
the answers, because the SDK's own client repeats POSTs and waits inside the request, and its models fail on
members that are never read, and take the text "true" for a truth value.

Imported by the first call of the Management API and not before: it takes about half a second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import httpx

from auth0.management import Auth0
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from stateful_oauth.auth0.transport import Answer, Transport

    Operation = Callable[[Auth0], object]

_HEADERS: Final = ("authorization", "content-type")  # the others are the transport's


class _Client(httpx.Client):
    """What auth0-python takes for its HTTP client: one request, and its answer."""

    def __init__(self, transport: Transport, deadline: float) -> None:
        # Neither the environment nor certificates are read: this client opens no connection.
        super().__init__(transport=httpx.BaseTransport(), trust_env=False)
        self._own_transport, self._deadline = transport, deadline
        self.answer: Answer | None = None

    def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        """Send a request; `httpx` itself would log its URL, which holds users' emails."""
        body = request.content
        self.answer = self._own_transport.send(
            request.method,
            str(request.url),
            body=Secret(body.decode()) if body else None,
            headers={name: Secret(request.headers[name]) for name in _HEADERS if name in request.headers},
            time_limit=self._deadline - time.monotonic(),
        )
        kind = self.answer.headers.get("content-type", "")
        return httpx.Response(
            self.answer.status, headers={"content-type": kind}, content=self.answer.body, request=request
        )


def perform(
    operation: Operation, *, transport: Transport, base_url: str, token: Secret, deadline: float
) -> Answer:
    """Call the API once, and return its answer whatever it is.

    Args:
        operation: Calls one method of the SDK.
        base_url: `https://…/api/v2`.
        deadline: On `time.monotonic()`.

    Raises:
        FlowError: See `Transport.send`.
    """
    client = _Client(transport, deadline)
    failure: FlowError | None = None
    try:
        operation(Auth0(base_url=base_url, token=token.reveal(), max_retries=0, httpx_client=client))
    except FlowError as error:
        # Without the frames in between, which hold the token.
        failure = error.with_traceback(None)
    except Exception:
        # Whatever it finds wrong with an answer, which we read ourselves.
        if client.answer is None:
            raise
    if failure is not None:
        raise failure
    if client.answer is None:
        raise RuntimeError("auth0-python sent nothing.")
    return client.answer
