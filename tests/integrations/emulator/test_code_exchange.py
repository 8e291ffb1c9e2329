"""grant_type=authorization_code: docs/auth0-contract.md §4, §4.1, §4.2."""

from __future__ import annotations

import base64
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import jwt
import pytest

from tests.integrations.emulator.conftest import API, CALLBACK, SECRET, VERIFIER, Desk

INVALID = {"error": "invalid_grant", "error_description": "Invalid authorization code"}


@pytest.mark.parametrize("as_json", [True, False])
def test_the_token_endpoint_takes_form_and_json_bodies(desk, as_json):
    reply = desk.post(
        "/oauth/token",
        as_json=as_json,
        grant_type="authorization_code",
        code=desk.code(),
        redirect_uri=CALLBACK,
        code_verifier=VERIFIER,
    )
    assert reply.status_code == 200
    assert reply.headers["Cache-Control"] == "no-store"
    body = reply.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 86_400)
    assert set(body) == {"access_token", "refresh_token", "id_token", "scope", "expires_in", "token_type"}


def test_scope_may_be_missing_from_the_reply(desk):
    desk.tenant.settings.scope_in_reply = False
    assert "scope" not in desk.tokens()


def test_without_openid_and_offline_access(desk):
    assert set(desk.tokens(scope="profile")) == {"access_token", "scope", "expires_in", "token_type"}


def test_an_id_token_has_the_claims_of_the_contract(desk):
    body = desk.tokens()
    claims = desk.claims(body["id_token"])
    now = int(desk.tenant.clock.now())
    half = hashlib.sha256(body["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("https://tenant.example/", "web", "auth0|ada")
    assert (claims["iat"], claims["exp"]) == (now, now + 36_000)
    assert claims["nonce"] == "n-1"
    assert claims["sid"] == desk.tenant.ledger.last("session_started").fields["sid"]
    assert (claims["name"], claims["email"], claims["email_verified"]) == ("Ada", "ada@example.com", True)


def test_profile_and_email_come_by_scope(desk):
    claims = desk.claims(desk.tokens(scope="openid")["id_token"])
    assert not {"name", "nickname", "email", "email_verified"} & claims.keys()


def test_access_token_for_an_api_is_a_jwt_with_userinfo_audience(desk):
    body = desk.tokens(audience=API, scope="openid read:things")
    claims = desk.claims(body["access_token"], API)
    assert claims["aud"] == [API, "https://tenant.example/userinfo"]
    assert (claims["azp"], claims["scope"]) == ("web", "openid read:things")
    assert desk.claims(desk.tokens(audience=API, scope="read:things")["access_token"], API)["aud"] == API


def test_access_token_without_audience_is_opaque(desk):
    assert "." not in desk.tokens()["access_token"]


def test_single_use_and_reuse_revokes_what_it_issued(desk):
    code = desk.code()
    body = desk.exchange(code).json()
    again = desk.exchange(code)
    assert (again.status_code, again.json()) == (403, INVALID)
    assert desk.refresh(body["refresh_token"]).status_code == 403
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    assert desk.http.get(desk.url("/userinfo"), headers=bearer, timeout=5).status_code == 401
    ledger = desk.tenant.ledger
    assert (ledger.count("code_exchanged", code=code), ledger.count("code_reused", code=code)) == (1, 1)
    assert ledger.count("family_revoked", reason="code_reused") == 1


def test_reuse_can_be_switched_to_revoke_nothing(desk):
    desk.tenant.settings.code_reuse_revokes = False
    code = desk.code()
    body = desk.exchange(code).json()
    assert desk.exchange(code).status_code == 403
    assert desk.refresh(body["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    "params",
    [
        {"code": "made-up"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": None},
        {"client_id": "other"},
    ],
)
def test_403_invalid_grant_and_the_code_survives(desk, params):
    code = desk.code()
    reply = desk.exchange(**{"code": code, **params})
    assert (reply.status_code, reply.json()) == (403, INVALID)
    assert desk.exchange(code).status_code == 200


@pytest.mark.parametrize("verifier", ["w" * 50, None, "", "\udce4", "ü" * 43])
def test_pkce_mismatch_is_403_and_burns_the_code(desk, verifier):
    code = desk.code()
    safe = verifier.encode("utf-8", "surrogateescape") if verifier else verifier
    reply = desk.exchange(code, code_verifier=safe)
    assert reply.status_code == 403
    assert reply.json() == {"error": "invalid_grant", "error_description": "Failed to verify code verifier"}
    assert desk.exchange(code).status_code == 403
    assert desk.tenant.ledger.count("code_exchanged") == 0


def test_a_verifier_without_a_challenge_is_refused(desk):
    code = desk.code(code_challenge=None, code_challenge_method=None)
    assert desk.exchange(code).json()["error_description"] == "Failed to verify code verifier"


def test_codes_expire_by_the_tenant_clock(desk):
    code = desk.code()
    desk.tenant.clock.advance(desk.tenant.settings.code_ttl)
    assert desk.exchange(code).json() == INVALID


def test_a_deleted_user_cannot_finish(desk):
    code = desk.code()
    desk.tenant.delete_user("auth0|ada")
    assert desk.exchange(code).json() == INVALID


def test_of_32_parallel_exchanges_exactly_one_wins(desk):
    import requests

    code = desk.code()

    def slow_clock():
        # The time is read between looking at the code and marking it: other threads get their chance there.
        time.sleep(0.0005)
        return 1_800_000_000

    desk.tenant.clock.follow(slow_clock)

    def exchange(_):
        with requests.Session() as session:
            return Desk(desk.tenant, desk.tenant.mount(session)).exchange(code).status_code

    with ThreadPoolExecutor(32) as pool:
        statuses = sorted(pool.map(exchange, range(32)))
    assert statuses == [200, *[403] * 31]
    assert desk.tenant.ledger.count("code_exchanged", code=code) == 1
    assert desk.tenant.ledger.count("code_reused", code=code) == 31
    assert desk.tenant.ledger.count("family_revoked") == 1


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "telepathy"}, 403, "unsupported_grant_type"),
        ({"code": None}, 400, "invalid_request"),
        ({"client_secret": "wrong"}, 401, "access_denied"),
        ({"client_secret": None}, 401, "access_denied"),
        ({"client_secret": "naïve"}, 401, "access_denied"),
        ({"client_id": "nobody"}, 401, "access_denied"),
        ({"client_id": None}, 401, "invalid_client"),
    ],
)
def test_a_token_request_that_breaks_a_rule_has_its_error(desk, params, status, code):
    reply = desk.exchange(**{"code": "x", **params})
    assert (reply.status_code, reply.json()["error"]) == (status, code)


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b"[]", 400),
        ("application/json", b'{"grant_type": ["refresh_token"]}', 400),
        ("application/json", b'{"grant_type": null}', 400),
        ("application/json", b"[" * 200_000, 400),
        ("application/json", b"\xff", 400),
        ("application/x-www-form-urlencoded", b"grant_type=a&grant_type=b", 400),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=b" % n for n in range(500)), 400),
        ("application/x-www-form-urlencoded", b"\xff\xfe=%ff&grant_type=%00", 403),
        ("application/x-www-form-urlencoded", b"x=" + b"x" * 300_000, 413),
        ("text/plain", b"grant_type=refresh_token", 400),
        ("", b"", 400),
    ],
)
def test_bad_bodies_are_never_a_500(desk, content_type, body, status):
    headers = {"Content-Type": content_type}
    reply = desk.http.post(desk.url("/oauth/token"), data=body, headers=headers, timeout=5)
    assert reply.status_code == status
    assert set(reply.json()) == {"error", "error_description"}


def test_legacy_or_modern_error_for_a_wrong_secret(desk):
    assert desk.exchange("x", client_secret="no").json() == {
        "error": "access_denied",
        "error_description": "Unauthorized",
    }
    desk.tenant.settings.wrong_secret_error = "invalid_client"
    assert desk.exchange("x", client_secret="no").json()["error"] == "invalid_client"


def test_a_grant_type_that_is_not_enabled_is_403(desk):
    desk.tenant.clients["web"].grant_types = ["authorization_code"]
    reply = desk.refresh("x")
    assert (reply.status_code, reply.json()) == (
        403,
        {
            "error": "unauthorized_client",
            "error_description": "Grant type 'refresh_token' not allowed for the client.",
        },
    )


def test_basic_authentication_with_encoded_halves(desk):
    secret = "p@ss:wörd %"
    desk.tenant.add_client(client_id="b&b", client_secret=secret, callbacks=[CALLBACK])
    code = desk.code(client_id="b&b")
    header = base64.b64encode(f"{quote('b&b', '')}:{quote(secret, '')}".encode()).decode()
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    headers = {"Authorization": f"Basic {header}"}
    reply = desk.http.post(desk.url("/oauth/token"), data=body, headers=headers, timeout=5)
    assert reply.status_code == 200


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic dXNlcg==", "Basic /w=="])
def test_a_basic_header_that_is_malformed_is_401(desk, header):
    body = {"grant_type": "refresh_token"}
    reply = desk.http.post(desk.url("/oauth/token"), data=body, headers={"Authorization": header}, timeout=5)
    assert (reply.status_code, reply.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("alg", ["RS256", "PS256", "HS256"])
def test_signing_algorithms_of_the_client(desk, alg):
    secret = SECRET * 8
    desk.tenant.add_client(client_id="alg", client_secret=secret, callbacks=[CALLBACK], signing_alg=alg)
    token = desk.exchange(desk.code(client_id="alg"), client_id="alg", client_secret=secret).json()[
        "id_token"
    ]
    assert jwt.get_unverified_header(token)["alg"] == alg
    if alg == "HS256":
        options = {"verify_exp": False, "verify_iat": False}
        assert jwt.decode(token, secret, ["HS256"], options, audience="alg")["sub"] == "auth0|ada"
    else:
        assert desk.claims(token, "alg")["sub"] == "auth0|ada"


def test_hooks_change_the_next_tokens(desk):
    def forge(claims, header):
        claims["iss"] = "https://evil.example/"
        header["typ"] = "odd"

    desk.tenant.id_token_hook = forge
    token = desk.tokens()["id_token"]
    with pytest.raises(jwt.InvalidIssuerError):
        desk.claims(token)
    assert jwt.get_unverified_header(token)["typ"] == "odd"
    desk.tenant.id_token_hook = lambda claims, header: header.update(alg="none")
    assert jwt.get_unverified_header(desk.tokens()["id_token"])["alg"] == "none"
    desk.tenant.id_token_hook = lambda claims, header: "verbatim"
    assert desk.tokens()["id_token"] == "verbatim"
    desk.tenant.id_token_hook = None
    desk.tenant.token_reply_hook = lambda body: body.pop("id_token")
    assert "id_token" not in desk.tokens()
