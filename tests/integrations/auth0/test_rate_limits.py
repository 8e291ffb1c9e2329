"""429 on a real socket: when the provider says to come back."""

from datetime import UTC, datetime, timedelta

import pytest

from stateful_oauth.auth0.transport import Transport
from stateful_oauth.flows.engine.errors import RateLimited


class TestRateLimit:
    NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [("X-RateLimit-Reset: {0}", 60), ("Retry-After: 7", 7),
         ("Retry-After: Fri, 20 Nov 2026 12:00:09 GMT", 9),
         ("X-RateLimit-Reset: {0}\r\nRetry-After: 90", 90), ("X-RateLimit-Reset: 1", 0),
         ("Retry-After: Fri, 20 Nov 2020 12:00:09 GMT", 0), ("X-RateLimit-Reset: 99999999999", 86_400),
         ("Retry-After: 99999999999", 86_400), ("Retry-After: soon", None), ("Retry-After: -1", None),
         ("X-RateLimit-Reset: 9999999999999999", None), ("X-Other: 1", None),
         ("Retry-After: Fri, 31 Dec 9999 23:59:59 -2359", 86_400), ("Retry-After: " + "9" * 5000, None),
         ("Retry-After: Mon, 01 Jan 0001 00:00:00 +2359", 0),
         ("Retry-After: Fri, 31 Dec 99999 23:59:59 GMT", None),
         ("Retry-After: Fri, 20 Nov 2026 12:00:09 +999999", None), ("Retry-After: , , , : :", None),
         ("Retry-After: 1e999", None), ("X-RateLimit-Reset: NaN", None), ("X-RateLimit-Reset: -1", None)],
    )  # fmt: skip
    def test_a_rate_limit_says_when_to_come_back(self, serve, header, seconds):
        line = header.format(int(self.NOW.timestamp()) + 60)
        raw = f"HTTP/1.1 429 Too Many Requests\r\n{line}\r\nContent-Length: 6\r\n\r\n<html>".encode()
        server = serve(lambda server, connection: server.read_request(connection) and connection.sendall(raw))
        with pytest.raises(RateLimited) as caught:
            Transport(now=lambda: self.NOW).post_form(server.url, {"code": "c0de"}, time_limit=5)
        expected = None if seconds is None else self.NOW + timedelta(seconds=seconds)
        assert (caught.value.retry_at, caught.value.code) == (expected, "rate_limited")
