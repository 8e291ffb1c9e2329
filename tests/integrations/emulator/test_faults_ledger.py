"""Faults in-process, the ledger, the request counter, the clock."""

from __future__ import annotations

import time

import httpx
import pytest
import requests

from stateful_oauth.emulator import Clock, Tenant
from stateful_oauth.emulator.ids import digest
from tests.integrations.emulator.conftest import CALLBACK, SECRET, VERIFIER


def exchanged(desk, code):
    return desk.tenant.ledger.count("code_exchanged", code=code)


def test_a_lost_request_happens_nowhere_at_all(desk):
    code = desk.code()
    fault = desk.tenant.faults.add("/oauth/token", "lost_request")
    with pytest.raises(requests.ConnectionError) as caught:
        desk.exchange(code)
    assert not isinstance(caught.value, requests.Timeout)
    assert (exchanged(desk, code), desk.tenant.requests["/oauth/token"], fault.fired) == (0, 0, 1)
    assert desk.exchange(code).status_code == 200


def test_a_lost_answer_happens_exactly_once(desk):
    code = desk.code()
    desk.tenant.faults.add("/oauth/token", "lost_answer")
    with pytest.raises(requests.ReadTimeout):
        desk.exchange(code)
    assert (exchanged(desk, code), desk.tenant.requests["/oauth/token"]) == (1, 1)
    assert desk.exchange(code).status_code == 403


@pytest.mark.parametrize("grant_type", ["authorization_code", "refresh_token"])
def test_rate_limit_has_the_headers_and_no_effect(desk, grant_type):
    code = desk.code()
    desk.tenant.faults.add("/oauth/token", "rate_limit", reset=90, match={"grant_type": grant_type})
    reply = desk.exchange(code)
    if grant_type == "refresh_token":
        assert reply.status_code == 200
        return
    assert reply.status_code == 429
    assert reply.json()["error"] == "too_many_requests"
    assert reply.headers["x-ratelimit-remaining"] == "0"
    assert reply.headers["x-ratelimit-reset"] == str(int(desk.tenant.clock.now()) + 90)
    assert "x-ratelimit-limit" in reply.headers
    assert exchanged(desk, code) == 0


@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize(("kind", "status"), [("server_error", 503), ("html", 502), ("redirect", 302)])
def test_failures_before_or_after_the_effect(desk, kind, status, effect):
    code = desk.code()
    desk.tenant.faults.add("/oauth/token", kind, effect=effect)
    reply = desk.exchange(code)
    assert reply.status_code == status
    assert exchanged(desk, code) == effect
    if kind == "html":
        assert reply.headers["Content-Type"] == "text/html"
        with pytest.raises(requests.JSONDecodeError):
            reply.json()
    if kind == "redirect":
        assert reply.headers["Location"] == "https://elsewhere.example/"


@pytest.mark.parametrize("kind", ["malformed", "empty"])
def test_spoilt_bodies_after_the_effect(desk, kind):
    code = desk.code()
    desk.tenant.faults.add("/oauth/token", kind)
    reply = desk.exchange(code)
    assert (reply.status_code, exchanged(desk, code)) == (200, 1)
    with pytest.raises(requests.JSONDecodeError):
        reply.json()


def test_a_truncated_answer_raises_when_it_is_read(desk):
    code = desk.code()
    desk.tenant.faults.add("/oauth/token", "truncated")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        desk.exchange(code)
    assert exchanged(desk, code) == 1


def test_huge_can_be_read_in_part(desk):
    desk.tenant.faults.add("/.well-known/jwks.json", "huge", size=1_000_000)
    reply = desk.http.get(desk.url("/.well-known/jwks.json"), stream=True, timeout=5)
    assert len(reply.raw.read(10)) == 10
    assert len(next(reply.iter_content(100))) == 100
    assert int(reply.headers["Content-Length"]) > 1_000_000


def test_slow_is_a_read_timeout_only_beyond_the_callers_patience(desk):
    code = desk.code()
    desk.tenant.faults.add("/oauth/token", "slow", times=2, delay=4)
    started, before = time.perf_counter(), desk.tenant.clock.now()
    assert desk.post("/oauth/token", grant_type="x").status_code == 403
    assert desk.tenant.clock.now() == before + 4
    desk.tenant.faults.clear()
    desk.tenant.faults.add("/oauth/token", "slow", delay=5)
    with pytest.raises(requests.ReadTimeout):
        desk.exchange(code)
    assert (exchanged(desk, code), desk.tenant.clock.now()) == (1, before + 9)
    assert time.perf_counter() - started < 4, "Nobody really waits for nine seconds."


def test_a_fault_can_answer_with_anything(desk):
    body = {"error": "mfa_required", "mfa_token": "Fe26"}
    desk.tenant.faults.add("/oauth/token", "answer", status=403, json=body, headers={"x-extra": "1"})
    reply = desk.exchange("x")
    assert (reply.status_code, reply.json(), reply.headers["x-extra"]) == (403, body, "1")


def test_skip_times_method_and_patterns(desk):
    def status():
        return desk.http.get(desk.url("/.well-known/jwks.json"), timeout=5).status_code

    fault = desk.tenant.faults.add("/.well-known/*", "server_error", times=2, skip=1, method="get")
    assert [status() for _ in range(4)] == [200, 503, 503, 200]
    assert (fault.fired, desk.tenant.faults.planned()) == (2, [])
    endless = desk.tenant.faults.add("*", "server_error", times=None, status=500)
    assert [status() for _ in range(3)] == [500] * 3
    desk.tenant.faults.remove(endless)
    assert status() == 200
    with pytest.raises(ValueError, match="lost_answer"):
        desk.tenant.faults.add("/oauth/token", "gremlins")


def test_the_ledger_keeps_digests_and_answers_to_values(desk):
    code = desk.code()
    desk.exchange(code)
    assert desk.tenant.ledger.count("code_exchanged", code=digest(code)) == 1
    assert desk.tenant.ledger.count("code_exchanged", code="another") == 0
    assert desk.tenant.ledger.count(client_id="web", user_id="auth0|ada", sid=None) == 0
    secrets = [code, SECRET, VERIFIER]
    assert not any(secret in repr(list(desk.tenant.ledger)) for secret in secrets)
    sequences = [entry.sequence for entry in desk.tenant.ledger]
    assert sequences == list(range(1, len(desk.tenant.ledger) + 1))


def test_reset_forgets_what_happened_and_keeps_the_configuration(desk):
    visitor = desk.tenant.visitor()
    code = desk.code(visitor)
    desk.tenant.faults.add("*", "html", times=None)
    desk.tenant.reset()
    assert (len(desk.tenant.ledger), desk.tenant.requests.total()) == (0, 0)
    assert desk.exchange(code).status_code == 403
    assert visitor.authorize(desk.location(prompt="none")).fields["error"] == "login_required"
    assert desk.code(visitor)


def test_the_clock_can_stand_advance_and_be_set():
    now = [10.0]
    clock = Clock(source=lambda: now[0])
    assert clock.now() == 10
    clock.advance(5)
    now[0] = 20
    assert (clock.now(), clock.standing) == (25, False)
    clock.set(100)
    assert (clock.now(), clock.standing) == (100, True)
    clock.follow(lambda: 7)
    assert clock.now() == 7
    clock.follow()
    assert abs(clock.now() - time.time()) < 5


def test_the_httpx_transport_serves_sync_clients(desk):
    with httpx.Client(transport=desk.tenant.httpx_transport(), timeout=5) as client:
        assert client.get(desk.url("/.well-known/jwks.json")).json()["keys"]
        body = {
            "grant_type": "authorization_code",
            "code": desk.code(),
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            "client_id": "web",
            "client_secret": SECRET,
        }
        for kind, failure in [
            ("lost_request", httpx.ConnectError),
            ("lost_answer", httpx.ReadTimeout),
            ("slow", httpx.ReadTimeout),
            ("truncated", httpx.RemoteProtocolError),
        ]:
            desk.tenant.faults.add("/oauth/token", kind)
            with pytest.raises(failure):
                client.post(desk.url("/oauth/token"), json=body)


def test_the_httpx_transport_serves_async_clients(desk):
    import asyncio

    async def fetch():
        async with httpx.AsyncClient(transport=desk.tenant.httpx_transport()) as client:
            return await client.post(desk.url("/oauth/token"), data={"grant_type": "x"})

    assert asyncio.run(fetch()).status_code == 403


def test_requests_cookies_and_redirects_work_over_the_adapter(desk):
    reply = desk.http.get(desk.location(), timeout=5)
    assert reply.url.startswith("https://tenant.example/u/login?state=")
    assert "did" in desk.http.cookies


def test_tenants_do_not_share_state():
    first, second = Tenant(issuer="https://a.example"), Tenant(issuer="https://b.example/")
    first.add_user(email="x@example.com")
    assert first.issuer == "https://a.example/"
    assert not second.people.users
    with pytest.raises(ValueError, match="already"):
        first.add_user(user_id=next(iter(first.people.users)))


def test_the_example_of_the_package_docstring_runs(desk):
    import textwrap

    from stateful_oauth import emulator

    blocks = [block for block in emulator.__doc__.split("\n\n") if block.startswith("    ")]
    names = {"location": desk.location()}
    for block in blocks:
        exec(textwrap.dedent(block), names)  # the example is ours
    assert names["callback"].startswith(CALLBACK)
    assert names["tenant"].ledger.count("session_started") == 1
    assert names["tenant"].ledger.count("login_declined") == 1


def test_unreachable_is_told_apart_from_a_request_that_was_lost_on_the_way(desk):
    desk.tenant.faults.add("/oauth/token", "unreachable")
    with pytest.raises(requests.ConnectTimeout):
        desk.http.post(desk.url("/oauth/token"), timeout=5)
    assert desk.tenant.requests["/oauth/token"] == 0
