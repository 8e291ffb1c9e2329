"""The way in for ``httpx``, without sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from stateful_oauth.emulator.faults import AnswerLost, RequestLost
from stateful_oauth.emulator.wire import environ

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from stateful_oauth.emulator.routes.app import Application


class HttpxTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers the requests of an ``httpx.Client`` or ``AsyncClient`` from a tenant.

    A lost request is ``httpx.ConnectError``, a lost or too slow answer ``httpx.ReadTimeout``.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        return self._exchange(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request; it takes no time, so nothing is awaited but the body."""
        return self._exchange(request, await request.aread())

    def _exchange(self, request: httpx.Request, body: bytes) -> httpx.Response:
        patience = request.extensions.get("timeout", {}).get("read")
        sent = environ(request.method, str(request.url), request.headers.multi_items(), body)
        try:
            answer = self._application.exchange(sent, patience=patience)
        except RequestLost as lost:
            raise httpx.ConnectError(str(lost), request=request) from lost
        except AnswerLost as lost:
            raise httpx.ReadTimeout(str(lost), request=request) from lost
        declared = answer.header("Content-Length")
        short = declared is not None and int(declared) > len(answer.body)
        return httpx.Response(
            answer.status,
            headers=list(answer.headers),
            stream=_Truncated(answer.body) if short else httpx.ByteStream(answer.body),
            request=request,
        )


class _Truncated(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that ends before its Content-Length."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterable[bytes]:  # type: ignore[override] # a generator is an iterator
        yield self._body
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")

    async def __aiter__(self) -> AsyncIterable[bytes]:  # type: ignore[override] # as above
        yield self._body
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
