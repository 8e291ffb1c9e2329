"""The transport on real sockets: for every way a call can fail, whether it happened."""

import os
import socket
import struct
import threading
import time

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

from stateful_oauth.auth0.transport import Transport
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost, ProviderUnreachable

FORM = {"code": Secret("c0de"), "grant_type": "authorization_code"}
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n" + b'{"a": 1}'


def answering(raw, times=1000):
    def behave(server, connection):
        for _ in range(times):
            if server.read_request(connection) is None:
                return
            connection.sendall(raw)

    return behave


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_and_reset(server, connection):
    server.read_request(connection)
    reset(connection)


def read_and_close(server, connection):
    server.read_request(connection)


def never_answer(server, connection):
    server.read_request(connection)
    server.stopping.wait(10)


def dripping(prefix):
    """Send a byte every few milliseconds, for ever: no pause is as long as the limit."""

    def behave(server, connection):
        server.read_request(connection)
        connection.sendall(prefix)
        while not server.stopping.wait(0.01):
            connection.sendall(b"x")

    return behave


@pytest.fixture
def transport():
    made = Transport(max_response_bytes=20_000)
    yield made
    made.close()


def lost(transport, server, code="provider_answer_lost", time_limit=5.0):
    with pytest.raises(ProviderAnswerLost) as caught:
        transport.post_form(server.url, FORM, time_limit=time_limit)
    assert caught.value.code == code
    assert caught.value.__context__ is None
    return caught.value


class TestItWorks:
    def test_a_form_is_posted_and_the_connection_kept(self, transport, serve):
        server = serve(answering(OK))
        for _ in range(3):
            answer = transport.post_form(server.url, FORM, time_limit=5, headers={"Authorization": "Basic x"})
            assert (answer.status, answer.members().get("a")) == (200, 1)
        assert server.accepted == 1
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert body == b"code=c0de&grant_type=authorization_code"
        lines = head.decode().split("\r\n")
        assert lines[0] == "POST /oauth/token HTTP/1.1"
        assert "Accept-Encoding: identity" in lines
        assert "Accept: application/json" in lines
        assert "Authorization: Basic x" in lines
        assert any(line.startswith("User-Agent: django-stateful-oauth/") for line in lines)
        assert not any(line.lower().startswith("cookie") for line in lines)

    def test_the_query_of_an_address_is_sent(self, transport, serve):
        server = serve(answering(OK))
        transport.get(server.url + "?a=b&c", time_limit=5)
        assert server.requests[0].startswith(b"GET /oauth/token?a=b&c HTTP/1.1\r\n")

    @pytest.mark.parametrize(
        "raw",
        [(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
         b"4\r\n{\"a\"\r\n4\r\n: 1}\r\n0\r\n\r\n"),
         (b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\n"
         b"Content-Length: 8\r\n\r\n{\"a\": 1}")],
        ids=["chunked", "closing"],
    )  # fmt: skip
    def test_responses_are_read_in_every_framing_of_http(self, transport, serve, raw):
        server = serve(answering(raw, times=2 if b"chunked" in raw else 1))
        for _ in range(2):
            assert transport.get(server.url, time_limit=5).members().get("a") == 1

    def test_a_body_that_ends_with_the_connection(self, transport, serve):
        server = serve(answering(OK.replace(b"Content-Length: 8\r\n", b""), times=1))
        assert transport.get(server.url, time_limit=5).members().get("a") == 1

    def test_the_next_address_of_a_name_is_tried(self, transport, serve, closed_port, monkeypatch):
        server = serve(answering(OK))
        kind = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        addresses = [(*kind, ("127.0.0.1", closed_port)), (*kind, ("127.0.0.1", server.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: addresses)
        assert transport.get("http://localhost:1/", time_limit=5).status == 200

    def test_cookies_of_the_provider_are_not_kept(self, transport, serve):
        server = serve(answering(OK.replace(b"Content-Length", b"Set-Cookie: a=b\r\nContent-Length")))
        transport.get(server.url, time_limit=5)
        transport.get(server.url, time_limit=5)
        assert b"cookie" not in server.requests[1].lower()

    def test_the_environment_is_not_asked_for_credentials_or_loopback_proxies(
        self, serve, tmp_path, monkeypatch
    ):
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password netrc-pw\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        server = serve(answering(OK))
        Transport().get(server.url, time_limit=5)
        assert b"authorization" not in server.requests[0].lower()

    def test_threads_share_one_transport_and_its_connections(self, transport, serve):
        server = serve(answering(OK))
        results = []
        threads = [
            threading.Thread(target=lambda: results.append(transport.get(server.url, time_limit=5).status))
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert results == [200] * 16

    def test_a_fork_does_not_share_connections(self, transport, serve, monkeypatch):
        server = serve(answering(OK))
        transport.get(server.url, time_limit=5)
        monkeypatch.setattr(os, "getpid", lambda: -1)
        transport.get(server.url, time_limit=5)
        transport.get(server.url, time_limit=5)
        assert server.accepted == 2


class TestNotSent:
    def unreachable(self, transport, url, *, code="provider_unreachable", **kwargs):
        with pytest.raises(ProviderUnreachable) as caught:
            transport.post_form(url, FORM, **{"time_limit": 5, **kwargs})
        assert caught.value.code == code
        assert caught.value.__context__ is None

    def test_a_refused_connection_was_not_sent(self, transport, closed_port):
        self.unreachable(transport, f"http://127.0.0.1:{closed_port}/")

    def test_a_host_that_does_not_exist_was_not_sent(self, transport):
        self.unreachable(transport, "https://does-not-exist.invalid/")

    def test_a_name_that_cannot_be_one(self, transport):
        self.unreachable(transport, f"https://{'a' * 64}.example/")

    def test_tls_handshake_with_something_else(self, transport, serve):
        def not_tls(server, connection):
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        url = serve(not_tls).url.replace("http:", "https:")
        self.unreachable(transport, url, code="provider_speaks_no_tls")

    def test_connection_dropped_during_the_handshake(self, transport, serve):
        def drop(server, connection):
            connection.recv(1)
            reset(connection)

        self.unreachable(transport, serve(drop).url.replace("http:", "https:"))

    def test_a_handshake_that_takes_too_long_was_not_sent(self, serve):
        def stall(server, connection):
            server.stopping.wait(10)

        with pytest.raises(ProviderUnreachable):
            Transport(connect_timeout=0.1).get(serve(stall).url.replace("http:", "https:"), time_limit=5)

    def test_a_request_without_time_left_is_not_sent(self, transport, serve):
        server = serve(answering(OK))
        self.unreachable(transport, server.url, time_limit=0)
        assert server.accepted == 0

    @pytest.mark.parametrize(
        "error",
        [requests.ConnectTimeout(), requests.ConnectionError(NewConnectionError(None, "refused")),
         requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "refused")))],
        ids=["timeout", "refused", "refused after retries"],
    )  # fmt: skip
    def test_errors_of_an_injected_adapter(self, error):
        self.unreachable(Transport(adapter=Failing(error)), "https://tenant.example/")


class TestAnswerLost:
    def test_a_read_that_times_out_is_a_lost_answer(self, transport, serve):
        lost(transport, serve(never_answer), time_limit=0.5)

    def test_a_reset_after_the_request_is_a_lost_answer(self, transport, serve):
        lost(transport, serve(read_and_reset))

    def test_a_close_after_the_request_is_a_lost_answer(self, transport, serve):
        lost(transport, serve(read_and_close))

    def test_a_truncated_body_is_a_lost_answer(self, transport, serve):
        lost(transport, serve(answering(OK.replace(b"Length: 8", b"Length: 80"), times=1)))

    def test_truncated_chunks_are_a_lost_answer(self, transport, serve):
        raw = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"a"\r\n4\r\n: '
        lost(transport, serve(answering(raw, times=1)))

    def test_truncated_headers_are_a_lost_answer(self, transport, serve):
        lost(transport, serve(answering(b"HTTP/1.1 2", times=1)))

    @pytest.mark.parametrize(
        "raw",
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
         b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}", b"HTTP/1.1 abc\r\n\r\n",
         b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
         b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000 + b"\r\n\r\n"],
        ids=["chunk", "two lengths", "status", "many headers", "long header"],
    )  # fmt: skip
    def test_broken_http_is_a_lost_answer_too(self, transport, serve, raw):
        lost(transport, serve(answering(raw, times=1)))

    def test_an_answer_that_is_no_http_is_a_lost_answer(self, transport, serve):
        lost(transport, serve(answering(b"SSH-2.0-OpenSSH_9.9\r\n\r\n", times=1)))

    @pytest.mark.security("S14")
    @pytest.mark.parametrize(
        "prefix",
        [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 19999\r\n\r\n",
         b"HTTP/1.1 200 OK\r\n\r\n"],
        ids=["headers", "body", "endless body"],
    )  # fmt: skip
    def test_a_slow_drip_has_a_hard_limit(self, transport, serve, prefix):
        lost(transport, serve(dripping(prefix)), time_limit=0.5)

    def test_a_pause_late_in_the_answer_has_what_is_left_of_the_limit(self, transport, serve):
        def late(server, connection):
            server.read_request(connection)
            server.stopping.wait(0.4)
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            server.stopping.wait(10)

        took = []
        while len(took) < 5 and min(took, default=1) >= 0.8:  # a busy machine may be late, but not every time
            began = time.monotonic()
            lost(transport, serve(late), time_limit=0.5)
            took.append(time.monotonic() - began)
        assert min(took) < 0.8, "After the pause it waited for 0.5 s anew."

    @pytest.mark.security("S14")
    def test_the_configured_limit_holds_as_well(self, serve):
        began = time.monotonic()
        lost(Transport(read_timeout=0.1), serve(dripping(b"HTTP/1.1 200 OK\r\n\r\n")), time_limit=60)
        assert time.monotonic() - began < 10

    def test_errors_of_an_injected_adapter(self):
        for error in (
            requests.ConnectionError("who knows"),
            requests.ReadTimeout(),
            requests.exceptions.SSLError(),
        ):
            with pytest.raises(ProviderAnswerLost):
                Transport(adapter=Failing(error)).get("https://tenant.example/", time_limit=5)


class TestAnswerInvalid:
    @pytest.mark.parametrize(
        "raw",
        [b"HTTP/1.1 200 OK\r\nContent-Length: 20001\r\n\r\n" + b"x" * 20_001,
         b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 20_001,
         b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\nContent-Encoding: gzip\r\n\r\n12345678",
         b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n",
         b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"],
        ids=["announced", "not announced", "compressed", "302", "307"],
    )  # fmt: skip
    def test_an_answer_that_must_not_be_read_is_invalid(self, transport, serve, raw):
        server = serve(answering(raw, times=1))
        lost(transport, server, "provider_answer_invalid")
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "raw",
        [b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
         b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n",
         b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{\"a",
         b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
         b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",
         b"HTTP/1.1 204 No Content\r\n\r\n"],
        ids=["html", "empty", "malformed", "list", "not declared", "204"],
    )  # fmt: skip
    def test_an_answer_that_is_no_json_object_is_invalid(self, transport, serve, raw):
        answer = transport.get(serve(answering(raw)).url, time_limit=5)
        with pytest.raises(ProviderAnswerLost) as caught:
            answer.members()
        assert caught.value.code == "provider_answer_invalid"

    def test_a_problem_document_is_json(self, transport, serve):
        raw = OK.replace(b"application/json", b"application/problem+json")
        assert transport.get(serve(answering(raw)).url, time_limit=5).members().get("a") == 1


class TestKeepAlive:
    """A pooled connection that the provider has closed must not cost a sign-in, nor send a code twice."""

    def test_a_connection_closed_while_idle_is_opened_again(self, transport, serve):
        server = serve(answering(OK, times=1), answering(OK))
        transport.post_form(server.url, FORM, time_limit=5)
        server.closed.acquire(timeout=5)
        transport.post_form(server.url, FORM, time_limit=5)
        assert (server.accepted, len(server.requests)) == (2, 2)

    def test_an_old_connection_is_not_trusted(self, transport, serve, monkeypatch):
        from stateful_oauth.auth0 import connections

        server = serve(answering(OK))
        transport.post_form(server.url, FORM, time_limit=5)
        monkeypatch.setattr(connections, "_KEEP_ALIVE", 0)
        transport.post_form(server.url, FORM, time_limit=5)
        assert server.accepted == 2

    def close_unnoticed(self, server, monkeypatch):
        """Blind the check for dropped connections: the race between check and use, every time."""
        from stateful_oauth.auth0 import connections

        server.closed.acquire(timeout=5)
        monkeypatch.setattr(connections._Connection, "is_connected", True)

    def test_a_get_that_was_not_answered_is_sent_again(self, transport, serve, monkeypatch):
        def once_then_read_and_close(server, connection):
            answering(OK, times=1)(server, connection)
            connection.shutdown(socket.SHUT_WR)
            server.closed.release()
            server.read_request(connection)

        server = serve(once_then_read_and_close, answering(OK))
        transport.get(server.url, time_limit=5)
        self.close_unnoticed(server, monkeypatch)
        assert transport.get(server.url, time_limit=5).status == 200
        assert server.accepted == 2

    def test_a_post_that_was_not_answered_is_not_sent_again(self, transport, serve, monkeypatch):
        def once_then_read_and_close(server, connection):
            answering(OK, times=1)(server, connection)
            connection.shutdown(socket.SHUT_WR)
            server.closed.release()
            server.read_request(connection)

        server = serve(once_then_read_and_close, answering(OK))
        transport.post_form(server.url, FORM, time_limit=5)
        self.close_unnoticed(server, monkeypatch)
        lost(transport, server)
        assert server.accepted == 1

    def test_a_post_that_could_not_be_sent_is_sent_on_a_new_connection(self, transport, serve, monkeypatch):
        def once_then_reset(server, connection):
            answering(OK, times=1)(server, connection)
            reset(connection)

        server = serve(once_then_reset, answering(OK))
        transport.post_form(server.url, FORM, time_limit=5)
        self.close_unnoticed(server, monkeypatch)
        assert transport.post_form(server.url, FORM, time_limit=5).status == 200
        assert (server.accepted, len(server.requests)) == (2, 2)

    def test_a_connection_with_a_broken_answer_is_not_used_again(self, transport, serve):
        server = serve(
            answering(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000), answering(OK)
        )
        lost(transport, server, "provider_answer_invalid")
        assert transport.post_form(server.url, FORM, time_limit=5).status == 200
        assert server.accepted == 2


class Failing(BaseAdapter):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def send(self, *args, **kwargs):
        raise self.error

    def close(self):
        pass


def test_nothing_but_flow_errors_comes_out(serve):
    for error in (
        OSError("x"),
        requests.exceptions.InvalidURL("x"),
        requests.exceptions.ChunkedEncodingError("x"),
    ):
        with pytest.raises(FlowError):
            Transport(adapter=Failing(error)).get("https://tenant.example/", time_limit=5)
