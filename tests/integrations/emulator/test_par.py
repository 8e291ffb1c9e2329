"""/oauth/par: docs/auth0-contract.md §3."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.integrations.emulator.conftest import CALLBACK, CHALLENGE

REQUEST = {
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "scope": "openid",
    "state": "s",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
def pushing(desk):
    desk.tenant.settings.par = True
    return desk


def follow(desk, uri, client_id="web"):
    return desk.url("/authorize?") + urlencode({"client_id": client_id, "request_uri": uri})


@pytest.mark.parametrize("as_json", [True, False])
def test_201_with_a_request_uri_for_30_seconds(pushing, as_json):
    reply = pushing.post("/oauth/par", as_json=as_json, **REQUEST)
    assert reply.status_code == 201
    assert set(reply.json()) == {"request_uri", "expires_in"}
    assert reply.json()["expires_in"] == 30
    uri = reply.json()["request_uri"]
    assert uri.startswith("urn:ietf:params:oauth:request_uri:")
    callback = pushing.tenant.visitor().authorize(follow(pushing, uri), "ada@example.com")
    assert callback.fields["state"] == "s"
    assert pushing.tenant.ledger.count("par_consumed", request_uri=uri) == 1


def test_a_pushed_request_uri_is_single_use(pushing):
    uri = pushing.post("/oauth/par", **REQUEST).json()["request_uri"]
    visitor = pushing.tenant.visitor()
    assert visitor.request("GET", follow(pushing, uri)).status == 302
    assert visitor.request("GET", follow(pushing, uri)).status == 400


def test_bound_to_the_client_and_not_burnt_by_another(pushing):
    uri = pushing.post("/oauth/par", **REQUEST).json()["request_uri"]
    visitor = pushing.tenant.visitor()
    assert visitor.request("GET", follow(pushing, uri, "other")).status == 400
    assert visitor.request("GET", follow(pushing, uri)).status == 302


def test_expires_by_the_tenant_clock(pushing):
    uri = pushing.post("/oauth/par", **REQUEST).json()["request_uri"]
    pushing.tenant.clock.advance(30)
    assert pushing.tenant.visitor().request("GET", follow(pushing, uri)).status == 400


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"redirect_uri": "https://evil.example/"}, 400, "invalid_request"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"response_type": None}, 400, "invalid_request"),
        ({"request_uri": "urn:x"}, 400, "invalid_request"),
        ({f"ext-{n}": "x" for n in range(11)}, 400, "invalid_request"),
        ({"state": "x" * 11_000}, 400, "invalid_request"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
    ],
)
def test_a_pushed_request_that_breaks_a_rule_has_its_error(pushing, params, status, code):
    pushing.tenant.settings.wrong_secret_error = "invalid_client"
    reply = pushing.post("/oauth/par", **{**REQUEST, **params})
    assert (reply.status_code, reply.json()["error"]) == (status, code)


def test_public_clients_may_not_push(pushing):
    pushing.tenant.add_client(client_id="spa", callbacks=[CALLBACK])
    reply = pushing.post("/oauth/par", **{**REQUEST, "client_id": "spa", "client_secret": None})
    assert reply.status_code == 401


def test_a_client_can_be_held_to_it(pushing):
    pushing.tenant.clients["web"].require_par = True
    callback = pushing.tenant.visitor().authorize(pushing.location())
    assert callback.fields["error"] == "invalid_request"


def test_pushed_requests_are_off_by_default(desk):
    assert desk.post("/oauth/par", **REQUEST).status_code == 400
