"""/userinfo, /v2/logout, /oidc/logout and logout tokens: docs/auth0-contract.md §5, §6."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from stateful_oauth.emulator import PageShown
from tests.integrations.emulator.conftest import API

BYE = "https://app.example/bye"


def userinfo(desk, token):
    return desk.http.get(desk.url("/userinfo"), headers={"Authorization": f"Bearer {token}"}, timeout=5)


@pytest.mark.parametrize("audience", [None, API])
def test_userinfo_has_the_claims_of_its_scopes(desk, audience):
    body = userinfo(desk, desk.tokens(audience=audience)["access_token"]).json()
    assert (body["sub"], body["email"], body["name"]) == ("auth0|ada", "ada@example.com", "Ada")
    body = userinfo(desk, desk.tokens(audience=audience, scope="openid")["access_token"]).json()
    assert body == {"sub": "auth0|ada"}


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer x", "Bearer a.b.c", "Basic x", "Bearer é"])
def test_userinfo_401_has_www_authenticate(desk, header):
    headers = {} if header is None else {"Authorization": header.encode()}
    reply = desk.http.get(desk.url("/userinfo"), headers=headers, timeout=5)
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


def test_userinfo_refuses_tokens_that_are_no_access_tokens(desk):
    tokens = desk.tokens(audience=API, scope="openid offline_access")
    assert userinfo(desk, tokens["id_token"]).status_code == 401
    assert userinfo(desk, tokens["refresh_token"]).status_code == 401
    without_openid = desk.tokens(audience=API, scope="read:things")["access_token"]
    assert userinfo(desk, without_openid).status_code == 401
    desk.tenant.clock.advance(86_400)
    assert userinfo(desk, tokens["access_token"]).status_code == 401


def signed_in(desk):
    visitor = desk.tenant.visitor()
    tokens = desk.exchange(desk.code(visitor)).json()
    return visitor, tokens


def still_in(desk, visitor):
    return "code" in visitor.authorize(desk.location(prompt="none")).fields


def v2(**params):
    return "/v2/logout?" + urlencode(params)


def oidc(**params):
    return "/oidc/logout?" + urlencode(params)


def test_v2_logout_ends_the_session_and_goes_where_it_is_allowed(desk):
    visitor, _ = signed_in(desk)
    assert visitor.logout(v2(client_id="web", returnTo=BYE)) == BYE
    assert not still_in(desk, visitor)
    assert desk.tenant.ledger.last("session_ended").fields["reason"] == "rp-logout"


def test_v2_logout_without_return_says_ok(desk):
    visitor, _ = signed_in(desk)
    answer = visitor.request("GET", "/v2/logout?federated")
    assert (answer.status, answer.body) == (200, b"OK")
    assert not still_in(desk, visitor)


@pytest.mark.parametrize(
    "params",
    [
        {"client_id": "web", "returnTo": "https://evil.example/"},
        {"returnTo": BYE},
        {"client_id": "other", "returnTo": BYE},
        {"client_id": "nobody", "returnTo": BYE},
    ],
)
def test_v2_logout_refuses_with_a_page_and_keeps_the_session(desk, params):
    visitor, _ = signed_in(desk)
    answer = visitor.request("GET", v2(**params))
    assert (answer.status, answer.header("Location")) == (400, None)
    assert still_in(desk, visitor)


def test_v2_logout_without_client_uses_the_tenant_list(desk):
    desk.tenant.settings.logout_urls = ["https://all.example/"]
    assert desk.tenant.visitor().logout(v2(returnTo="https://all.example/")) == "https://all.example/"


def test_oidc_logout_with_id_token_hint_also_expired(desk):
    visitor, tokens = signed_in(desk)
    desk.tenant.clock.advance(40_000)
    where = oidc(id_token_hint=tokens["id_token"], post_logout_redirect_uri=BYE, state="a&b")
    assert visitor.logout(where, confirm=False).fields == {"state": "a&b"}
    assert not still_in(desk, visitor)


def test_the_logout_endpoint_takes_a_form_by_post(desk):
    visitor, tokens = signed_in(desk)
    form = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BYE}
    answer = visitor.request("POST", "/oidc/logout", form)
    assert (answer.status, answer.header("Location")) == (302, BYE)


def test_oidc_logout_with_logout_hint(desk):
    visitor, tokens = signed_in(desk)
    sid = desk.claims(tokens["id_token"])["sid"]
    visitor.logout(oidc(logout_hint=sid, client_id="web", post_logout_redirect_uri=BYE), confirm=False)
    assert not still_in(desk, visitor)


@pytest.mark.parametrize("params", [{}, {"logout_hint": "another"}])
def test_oidc_logout_without_a_matching_hint_asks(desk, params):
    visitor, _ = signed_in(desk)
    where = oidc(client_id="web", post_logout_redirect_uri=BYE, **params)
    with pytest.raises(PageShown):
        visitor.logout(where, confirm=False)
    assert still_in(desk, visitor)
    assert visitor.logout(where) == BYE
    assert not still_in(desk, visitor)


@pytest.mark.parametrize(
    "params",
    [
        {"id_token_hint": "x"},
        {"id_token_hint": "a.b.c"},
        {"client_id": "web", "post_logout_redirect_uri": "https://evil.example/"},
        {"post_logout_redirect_uri": BYE},
        {"client_id": "nobody"},
    ],
)
def test_the_logout_endpoint_shows_error_pages_for_wrong_requests(desk, params):
    visitor, _ = signed_in(desk)
    assert visitor.request("GET", oidc(**params)).status == 400
    assert still_in(desk, visitor)


def test_oidc_logout_hint_of_another_client_is_an_error_page(desk):
    visitor, tokens = signed_in(desk)
    assert visitor.request("GET", oidc(id_token_hint=tokens["id_token"], client_id="other")).status == 400


def test_a_confirmation_belongs_to_its_browser(desk):
    visitor, _ = signed_in(desk)
    page = visitor.request("GET", oidc(client_id="web")).body.decode()
    ticket = page.split('name="ticket" value="')[1].split('"')[0]
    assert desk.tenant.visitor().request("POST", "/oidc/logout/confirm", {"ticket": ticket}).status == 400


def test_a_logout_token_has_the_claims_of_the_specification(desk):
    claims = desk.claims(desk.tenant.logout_token("web", "auth0|ada", "sid-1"))
    assert claims["exp"] == claims["iat"] + 120
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert "nonce" not in claims
    assert {"sub", "sid", "jti", "trace_id"} <= claims.keys()


def test_sessions_can_be_ended_from_outside(desk):
    visitor, _ = signed_in(desk)
    desk.tenant.end_sessions("auth0|ada")
    assert not still_in(desk, visitor)
