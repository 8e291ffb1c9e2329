"""The way in for ``requests``, without sockets."""

from __future__ import annotations

import io
from http.client import HTTPMessage
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import requests
from requests.adapters import BaseAdapter
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPHeaderDict, HTTPResponse

from stateful_oauth.emulator.faults import AnswerLost, RequestLost, Unreachable
from stateful_oauth.emulator.routes.app import Application, reason
from stateful_oauth.emulator.wire import environ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator.answers import Answer


class RequestsAdapter(BaseAdapter):
    """Answers the requests of a ``requests.Session`` from a tenant.

    A lost request is ``requests.ConnectionError``, a lost or too slow answer ``requests.ReadTimeout``.
    ``stream=True`` works as on the wire, and a truncated body raises when it is read.
    """

    def __init__(self, application: Application) -> None:
        super().__init__()
        self._application = application

    def send(  # noqa: PLR0917 - the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,  # noqa: ARG002
        cert: Any = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        """Send a request; ``timeout`` as in requests, only its read part matters."""
        headers = [(_text(name), _text(value)) for name, value in request.headers.items()]
        sent = environ(request.method or "GET", request.url or "", headers, _body(request.body))
        try:
            answer = self._application.exchange(sent, patience=_read_timeout(timeout))
        except Unreachable as lost:
            raise requests.ConnectTimeout(str(lost), request=request) from lost
        except RequestLost as lost:
            raise requests.ConnectionError(str(lost), request=request) from lost
        except AnswerLost as lost:
            raise requests.ReadTimeout(str(lost), request=request) from lost
        return _response(self, request, answer, stream=stream)

    def close(self) -> None:
        """Close nothing: there is no connection."""


def _text(header: str | bytes) -> str:
    return header.decode("latin-1") if isinstance(header, bytes) else header


def _body(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray)):
        return bytes(body)
    return bytes(body.read()) if hasattr(body, "read") else b"".join(body)


def _read_timeout(timeout: Any) -> float | None:
    if isinstance(timeout, tuple):
        timeout = timeout[1]
    elif hasattr(timeout, "read_timeout"):
        timeout = timeout.read_timeout
    return timeout if isinstance(timeout, (int, float)) else None


def _response(
    adapter: RequestsAdapter, request: requests.PreparedRequest, answer: Answer, *, stream: bool
) -> requests.Response:
    headers = HTTPHeaderDict(list(answer.headers))
    if "Content-Length" not in headers:
        headers["Content-Length"] = str(len(answer.body))
    message = HTTPMessage()
    for name, value in answer.headers:
        message.add_header(name, value)
    raw = HTTPResponse(
        io.BytesIO(b"" if request.method == "HEAD" else answer.body),
        headers=headers,
        status=answer.status,
        version=11,
        reason=reason(answer.status),
        preload_content=False,
        decode_content=False,
        # The object in which requests looks for Set-Cookie headers.
        original_response=cast(
            "Any", SimpleNamespace(msg=message, isclosed=lambda: True, close=lambda: None)
        ),
        request_method=request.method,
        enforce_content_length=True,
    )
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict(headers)
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    response.raw = raw
    response.reason = reason(answer.status)
    response.url = request.url or ""
    response.request = request
    response.connection = adapter  # type: ignore[assignment] # as requests' own adapter does
    extract_cookies_to_jar(response.cookies, request, raw)  # type: ignore[no-untyped-call]
    if not stream:
        response.content  # noqa: B018 - reads it, as a Session does
    return response
