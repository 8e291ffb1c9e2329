"""Logout tokens: who gets one, and that a server sends them."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest
import requests

from stateful_oauth.emulator import EmulatorServer
from tests.integrations.emulator.conftest import Desk, make_tenant


@pytest.fixture
def receiver():
    """A client's URL that keeps what it gets."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            got.append(parse_qs(body)["logout_token"][0])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.got = got
    yield server
    server.shutdown()
    server.server_close()


def test_a_server_sends_a_token_to_the_clients_of_an_ended_session(receiver):
    tenant = make_tenant()
    tenant.clients["web"].backchannel_logout_url = f"http://127.0.0.1:{receiver.server_port}/logout"
    with EmulatorServer(tenant), requests.Session() as session:
        desk = Desk(tenant, session)
        claims = desk.claims(desk.tokens()["id_token"])
        ended = desk.http.post(
            desk.url(f"/_emulator/users/{claims['sub']}/sessions/end"), json={"reason": "password-changed"}
        )
        assert ended.status_code == 204
        until = time.monotonic() + 5
        while not tenant.logout_tokens.sent and time.monotonic() < until:
            time.sleep(0.01)
        sent = desk.http.get(desk.url("/_emulator/logout_tokens")).json()["entries"]
        assert [(each["sid"], each["reason"], each["status"]) for each in sent] == [
            (claims["sid"], "password-changed", 200)
        ]
        (token,) = receiver.got
        assert desk.claims(token)["sid"] == claims["sid"]


def test_a_client_without_a_url_gets_no_token():
    tenant = make_tenant()
    with requests.Session() as session:
        tenant.mount(session)
        desk = Desk(tenant, session)
        tenant.end_sessions(desk.claims(desk.tokens()["id_token"])["sub"])
    assert tenant.logout_tokens.take() == []


def test_in_process_a_test_takes_each_token_once():
    tenant = make_tenant()
    tenant.clients["web"].backchannel_logout_url = "https://app.example/logout"
    with requests.Session() as session:
        tenant.mount(session)
        desk = Desk(tenant, session)
        tenant.end_sessions(desk.claims(desk.tokens()["id_token"])["sub"])
    assert [each.client_id for each in tenant.logout_tokens.take()] == ["web"]
    assert tenant.logout_tokens.take() == []


def test_the_control_api_signs_a_token_with_other_claims():
    tenant = make_tenant()
    with requests.Session() as session:
        tenant.mount(session)
        desk = Desk(tenant, session)
        body = {
            "client_id": "web",
            "user_id": "auth0|ada",
            "sid": "s",
            "claims": {"events": None, "nonce": "n"},
        }
        token = session.post(desk.url("/_emulator/logout_tokens"), json=body).json()["logout_token"]
        claims = desk.claims(token)
        assert ("events" in claims, claims["nonce"], claims["sid"]) == (False, "n", "s")
        wrong = session.post(desk.url("/_emulator/users/auth0|ada/sessions/end"), json={"reason": "mood"})
        assert wrong.status_code == 400
