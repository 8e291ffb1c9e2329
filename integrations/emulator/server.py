"""The tenant as an HTTP/1.1 server on the loopback address, for browsers and other processes."""

from __future__ import annotations

import logging
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import AddressValueError, IPv4Address
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from stateful_oauth.emulator.logout_tokens import post
from stateful_oauth.emulator.routes.app import reason
from stateful_oauth.emulator.wire import BODY_LIMIT, environ

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from stateful_oauth.emulator.answers import Answer
    from stateful_oauth.emulator.tenant import Tenant

logger = logging.getLogger(__name__)

IDLE = 30.0
"""Seconds after which a connection without a request is closed."""


def _loopback(host: str) -> bool:
    try:
        return IPv4Address(host).is_loopback
    except AddressValueError:
        return False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "emulator"
    sys_version = ""
    timeout = IDLE
    # Headers and body leave in one packet: with Nagle's algorithm two would wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.count_connection()

    def _answer(self) -> None:
        body = self._body()
        if body is None:
            return
        url = f"{self.server.owner.scheme}://{self.headers.get('Host') or self.server.owner.netloc}"
        target = (
            self.path if self.path.startswith("/") else "/" + self.path.partition("://")[2].partition("/")[2]
        )
        sent = environ(self.command, url + target, self.headers.items(), body, self.client_address[0])
        try:
            answer = self.server.owner.tenant.wsgi.exchange(sent, real_time=True)
        except ConnectionError:
            self._hang_up()
            return
        self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer  # noqa: N815 - the names of http.server

    def _body(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            self.close_connection = True
            self.send_error(411)
            return None
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if length < 0:
            self.close_connection = True
            self.send_error(400)
            return None
        if length > BODY_LIMIT + 1:
            # The rest of the body stays unread, so the connection cannot go on.
            self.close_connection = True
        return self.rfile.read(min(length, BODY_LIMIT + 1))

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status, reason(answer.status))
        if answer.header("Date") is None:
            self.send_header("Date", self.date_time_string())
        for name, value in answer.headers:
            self.send_header(name, value)
        declared = answer.header("Content-Length")
        if declared is None:
            self.send_header("Content-Length", str(len(answer.body)))
        elif int(declared) > len(answer.body):
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            logger.debug("the peer was gone already")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of http.server
        logger.debug(format, *args)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A test that stops a server must not wait for connections that a client keeps alive.
    block_on_close = False
    request_queue_size = 128

    def __init__(self, owner: EmulatorServer, address: tuple[str, int]) -> None:
        self.owner = owner
        self.connections = 0
        self._open: set[Any] = set()
        self._lock = Lock()
        super().__init__(address, _Handler)

    def count_connection(self) -> None:
        with self._lock:
            self.connections += 1

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        with self._lock:
            still_open = list(self._open)
        for request in still_open:
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                logger.debug("a connection was closed already")

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's
        logger.debug("connection of %s ended early: %s", client_address, sys.exc_info()[1])


class EmulatorServer:
    """Serves a tenant on the loopback address, in a background thread, while used as a context manager.

    The tenant's issuer becomes ``public_url``, or else the bound address. Port 0 takes a free one.
    ``ssl_context`` makes it https. Only loopback addresses are accepted, because the sign-in page lets every
    visitor sign in as any user.
    """

    def __init__(
        self,
        tenant: Tenant,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        public_url: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if not _loopback(host):
            raise ValueError("The emulator serves IPv4 loopback addresses only, such as 127.0.0.1.")
        self.tenant = tenant
        self.scheme = "http" if ssl_context is None else "https"
        self._address = (host, port)
        self._public_url = public_url
        self._ssl_context = ssl_context
        self._server: _Server | None = None
        self._thread: Thread | None = None
        self.netloc = ""

    @property
    def url(self) -> str:
        """The URL without a trailing slash."""
        return self.tenant.base_url

    @property
    def port(self) -> int:
        """The bound port."""
        return self._running().server_port

    @property
    def connections(self) -> int:
        """How many connections were accepted so far: with keep-alive fewer than requests."""
        return self._running().connections

    def start(self) -> EmulatorServer:
        """Bind, set the tenant's issuer and serve."""
        server = self._server = _Server(self, self._address)
        self.netloc = f"{self._address[0]}:{server.server_port}"
        if self._ssl_context is not None:
            # The handshake happens in the connection's own thread, on the first read.
            server.socket = self._ssl_context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.tenant.issuer = (self._public_url or f"{self.scheme}://{self.netloc}").rstrip("/") + "/"
        self.tenant.logout_tokens.send = post
        self._thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving and close every connection."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self.tenant.logout_tokens.send = None
        server.shutdown()
        server.server_close()
        server.drop_connections()
        thread.join()
        self._thread = None

    def wait(self) -> None:
        """Serve until the process is interrupted."""
        if self._thread is not None:
            self._thread.join()

    def _running(self) -> _Server:
        if self._server is None:
            raise RuntimeError("The server was not started: use it as a context manager.")
        return self._server

    def __enter__(self) -> EmulatorServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
