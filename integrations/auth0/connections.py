"""Connections: pooled, with a hard limit for the whole answer, and honest about what was sent.

`requests` and `urllib3` leave four things open that a code exchange depends on:

- whether a failure came before or after the request was sent, which for TLS and resets looks the same;
- a limit for the whole answer, because their read timeout starts anew with every byte;
- what to do with a pooled connection that the provider has closed meanwhile;
- reading the CA bundle once, and not for every connection.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager, Timeout
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import make_headers, parse_url

from stateful_oauth.auth0.environment import Environment

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse

# Idle connections per host: one for every thread of a busy worker.
_POOL_SIZE: Final = 32
# Seconds. Load balancers drop idle connections after 60, some without a word.
_KEEP_ALIVE: Final = 50.0
# What OpenSSL says of an answer that is no TLS record: older releases, and those since 3.0.
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")


class NotSent(HTTPError):
    """The request did not leave this machine in full: the provider cannot have acted on it."""


class NoTls(NotSent):
    """The server at the other end does not speak TLS: an emulator on http, say."""


class ClosedWhileIdle(HTTPError):
    """A pooled connection was closed without a byte of an answer.

    Attributes:
        sent: Whether the request had left in full, so that the provider may have acted on it.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class _LimitedReader(io.RawIOBase):
    """Reads from a socket until a moment, however the bytes are spread."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._stream = sock, sock.makefile("rb", buffering=0)
        limit = sock.gettimeout()
        self._deadline = None if limit is None else time.monotonic() + limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._deadline is not None:
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError("The answer took too long.")
            self._sock.settimeout(remaining)
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _LimitedResponse(http.client.HTTPResponse):
    """An answer whose status line, headers and body share the socket's timeout as one limit."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_LimitedReader(sock))


class _Connection(HTTPConnection):
    """A connection that says whether the request was sent, and does not linger."""

    response_class = _LimitedResponse
    _answered_at: float | None = None  # of the last answer; None on a fresh connection

    @property
    def is_connected(self) -> bool:
        fresh = self._answered_at is None or time.monotonic() - self._answered_at < _KEEP_ALIVE
        return fresh and super().is_connected

    def connect(self) -> None:
        self._answered_at = None
        try:
            super().connect()
        except (OSError, http.client.HTTPException, HTTPError, UnicodeError) as error:  # UnicodeError: IDNA
            self.close()
            kind = NoTls if _speaks_no_tls(error) else NotSent
            raise kind(_cause(error)) from error

    def _new_conn(self) -> socket.socket:
        # Like urllib3's, but every address gets a share of the limit instead of all of it, and TLS gets the
        # rest.
        limit = self.timeout if isinstance(self.timeout, (int, float)) else 60.0
        deadline = time.monotonic() + limit
        addresses = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        failure: OSError = OSError("The name has no address.")
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(_remaining(deadline) / (len(addresses) - tried))
                sock.connect(address)
                sock.settimeout(_remaining(deadline))
            except OSError as error:
                sock.close()
                failure = error
            else:
                return sock
        raise failure

    def request(self, *args: Any, **kwargs: Any) -> None:
        reused = self._answered_at is not None
        try:
            super().request(*args, **kwargs)
        except OSError as error:
            # Our kernel did not take all of it, so the provider has not got what Content-Length promises.
            if reused:
                raise ClosedWhileIdle(_cause(error), sent=False) from error
            raise NotSent(_cause(error)) from error

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
        reused = self._answered_at is not None
        try:
            answer = super().getresponse()
        except (ConnectionError, ssl.SSLEOFError) as error:  # RemoteDisconnected is a ConnectionError
            if reused:
                raise ClosedWhileIdle(_cause(error), sent=True) from error
            raise
        self._answered_at = time.monotonic()
        return answer


class _TlsConnection(_Connection, HTTPSConnection):
    """The same with TLS: the handshake is part of connecting."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: Final = {"http": _Pool, "https": _TlsPool}


class PooledAdapter(BaseAdapter):
    """An adapter for `requests` with the promises of this module.

    Proxies are taken from the environment as it is now; loopback addresses never go through one.

    Args:
        ca_bundle: File or folder of trusted certificates, or None for what the environment says.
        certificate: Files of the client's certificate and of its key (RFC 8705); empty for none.

    Raises:
        OSError: The certificates cannot be read.
    """

    def __init__(self, ca_bundle: str | None = None, certificate: tuple[str, str] = ("", "")) -> None:
        super().__init__()
        self._environment = Environment.read()
        self._tls = _tls_context(ca_bundle or self._environment.ca_bundle)
        if certificate[0]:
            self._tls.load_cert_chain(certificate[0], certificate[1] or None)
        self._managers: dict[str, PoolManager] = {}
        self._pools: dict[tuple[str, str], HTTPConnectionPool] = {}
        self._lock = Lock()

    def send(  # noqa: PLR0917 - the signature is requests'
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002
        timeout: Any = None,
        verify: Any = True,  # noqa: ARG002
        cert: Any = None,  # noqa: ARG002
        proxies: Any = None,  # noqa: ARG002
    ) -> requests.Response:
        """Send a request and return its answer, whose body is still to be read.

        Args:
            timeout: Seconds to connect, and seconds for the whole call.

        Raises:
            requests.ConnectionError: Caused by `NotSent` when that is certain.
            requests.ReadTimeout: It was sent; the answer did not come in time.
        """
        connect_limit, limit = timeout
        deadline = time.monotonic() + limit
        parts = urlsplit(request.url or "")
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        pool = self._pools.get((parts.scheme, parts.netloc)) or self._open_pool(parts.scheme, parts.netloc)
        for _ in range(_POOL_SIZE):
            remaining = _remaining(deadline)
            try:
                raw = pool.urlopen(
                    request.method or "GET",
                    target,
                    body=request.body,
                    headers=request.headers,
                    timeout=Timeout(connect=min(connect_limit, remaining), read=remaining, total=remaining),
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    preload_content=False,
                    decode_content=False,
                )
            except ClosedWhileIdle as error:
                if error.sent and request.method != "GET":
                    raise requests.ConnectionError(error, request=request) from error
            except ReadTimeoutError as error:
                raise requests.ReadTimeout(error, request=request) from error
            except (HTTPError, OSError) as error:
                raise requests.ConnectionError(error, request=request) from error
            else:
                return _as_requests(request, raw)
        raise requests.ConnectionError(NotSent("Every pooled connection was closed."), request=request)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            self._pools.clear()
            for manager in self._managers.values():
                manager.clear()

    def _open_pool(self, scheme: str, netloc: str) -> HTTPConnectionPool:
        parts = urlsplit(f"{scheme}://{netloc}")
        host = parts.hostname or ""
        with self._lock:
            manager = self._manager(self._environment.proxy_for(scheme, host))
            pool = manager.connection_from_host(host, parts.port, scheme)
            self._pools[scheme, netloc] = pool
            return pool

    def _manager(self, proxy: str) -> PoolManager:
        if proxy not in self._managers:
            options: dict[str, Any] = {"maxsize": _POOL_SIZE, "ssl_context": self._tls}
            manager = _proxy_manager(proxy, options) if proxy else PoolManager(**options)
            manager.pool_classes_by_scheme = _POOLS
            self._managers[proxy] = manager
        return self._managers[proxy]


def _proxy_manager(proxy: str, options: dict[str, Any]) -> ProxyManager:
    auth = parse_url(proxy).auth
    headers = make_headers(proxy_basic_auth=auth) if auth else None
    return ProxyManager(proxy, proxy_headers=headers, proxy_ssl_context=options["ssl_context"], **options)


def _tls_context(trusted: str) -> ssl.SSLContext:
    """Return the one context of all connections: its certificates are read here, and never again."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    if Path(trusted).is_dir():
        context.load_verify_locations(capath=trusted)
    else:
        context.load_verify_locations(cafile=trusted)
    return context


def _as_requests(request: requests.PreparedRequest, raw: Any) -> requests.Response:
    answer = requests.Response()
    answer.status_code, answer.headers, answer.raw = raw.status, raw.headers, raw
    answer.request, answer.url = request, request.url or ""
    return answer


def _remaining(deadline: float) -> float:
    # Zero would mean "do not block" to a socket.
    return max(deadline - time.monotonic(), 0.001)


def _speaks_no_tls(error: BaseException) -> bool:
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLError) and found.reason in _NO_TLS:
            return True
        found = found.__cause__ or found.__context__
    return False


def _cause(error: BaseException) -> str:
    """Name an error without its text, which may quote what was sent."""
    with suppress(AttributeError):
        return f"{type(error).__name__} {error.errno}" if error.errno else type(error).__name__  # type: ignore[attr-defined]
    return type(error).__name__
