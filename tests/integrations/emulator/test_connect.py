"""Connecting an account, from connect over the browser to complete: docs/auth0-contract.md §7.0 to §7.2."""

from __future__ import annotations

import re

import pytest
import requests

from stateful_oauth.emulator import PageShown
from tests.integrations.emulator.conftest import CALLBACK, VERIFIER, sign_in_to_connect

PROBLEM = "https://auth0.com/api-errors#"


def test_the_token_comes_from_a_refresh_with_the_audience(me):
    claims = me.desk.claims(me.token, me.desk.tenant.my_account_audience)
    assert me.desk.tenant.my_account_audience == "https://tenant.example/me/"
    assert claims["sub"] == "auth0|ada"
    assert set(claims["scope"].split()) >= {
        "create:me:connected_accounts",
        "read:me:connected_accounts",
        "delete:me:connected_accounts",
    }


def test_without_activation_the_audience_is_ignored_silently(desk):
    reply = desk.refresh(desk.tokens()["refresh_token"], audience=desk.tenant.my_account_audience)
    assert (reply.status_code, "me:connected_accounts" in reply.json()["scope"]) == (200, False)
    refused = desk.call("GET", "/me/v1/connected-accounts/accounts", reply.json()["access_token"])
    assert refused.status_code == 401


def test_no_client_has_it_for_itself(me):
    audience = me.desk.tenant.my_account_audience
    me.desk.tenant.add_client_grant("web", audience, ["read:me:connected_accounts"])
    reply = me.desk.post("/oauth/token", grant_type="client_credentials", audience=audience)
    assert (reply.status_code, reply.json()["error"]) == (403, "access_denied")


def test_connect_is_201_with_session_uri_and_ticket(me):
    reply = me.start()
    body = reply.json()
    assert reply.status_code == 201
    assert set(body) == {"auth_session", "connect_uri", "connect_params", "expires_in"}
    assert len(body["auth_session"]) <= 64
    assert body["connect_uri"] == "https://tenant.example/connected-accounts/connect"
    assert list(body["connect_params"]) == ["ticket"]
    assert body["expires_in"] == 300
    ledger = me.desk.tenant.ledger
    assert ledger.count("connect_started", user_id="auth0|ada", auth_session=body["auth_session"]) == 1
    assert body["auth_session"] not in repr(list(ledger))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"connection": None}, "connection"),
        ({"connection": ""}, "connection"),
        ({"connection": "x" * 129}, "connection"),
        ({"connection": 7}, "connection"),
        ({"connection": "nothing"}, "connection"),
        ({"connection": "Username-Password-Authentication"}, "connection"),
        ({"redirect_uri": None}, "redirect_uri"),
        ({"redirect_uri": "https://app.example/" + "x" * 2048}, "redirect_uri"),
        ({"redirect_uri": "https://elsewhere.example/"}, "redirect_uri"),
        ({"state": ""}, "state"),
        ({"state": "x" * 4097}, "state"),
        ({"code_challenge": "x" * 42}, "code_challenge"),
        ({"code_challenge": "x" * 129}, "code_challenge"),
        ({"code_challenge_method": None}, "code_challenge_method"),
        ({"code_challenge_method": "plain"}, "code_challenge_method"),
        ({"code_challenge": None}, "code_challenge"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["a", "a"]}, "scopes"),
        ({"scopes": [f"s{n}" for n in range(101)]}, "scopes"),
        ({"scopes": "openid profile"}, "scopes"),
        ({"scopes": [1]}, "scopes"),
        ({"authorization_params": []}, "authorization_params"),
        ({"authorization_params": {"nothing": "x"}}, "authorization_params/nothing"),
        ({"authorization_params": {"max_age": "x"}}, "authorization_params/max_age"),
        ({"authorization_params": {"prompt": 1}}, "authorization_params/prompt"),
        ({"extra": "x"}, "extra"),
    ],
)
def test_connect_refuses_what_breaks_the_schema(me, body, field):
    reply = me.start(**body)
    problem = reply.json()
    assert (reply.status_code, problem["status"], problem["title"]) == (400, 400, "Bad Request")
    assert problem["type"] == PROBLEM + "A0E-400-0003"
    assert {"field": field, "pointer": f"/{field}", "source": "body"}.items() <= problem["validation_errors"][
        0
    ].items()
    assert reply.headers["Content-Type"].startswith("application/json")
    assert me.desk.tenant.ledger.count("connect_started") == 0


def test_every_documented_member_at_its_limit_is_accepted(me):
    params = {"login_hint": "eve@gmail.com", "prompt": "consent", "max_age": 0, "ui_locales": "en"}
    scopes = ["openid", "profile", *(f"s{n}" for n in range(98))]
    assert me.start(state="x" * 4096, scopes=scopes, authorization_params=params).status_code == 201
    assert me.start(state=None, code_challenge=None, code_challenge_method=None).status_code == 201


def test_bodies_that_are_no_json_objects(me):
    path = "/me/v1/connected-accounts/connect"
    form = me.desk.call("POST", path, me.token, data={"connection": "x"})
    assert (form.status_code, form.json()["status"]) == (415, 415)
    for text in ["{", "[]"]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {me.token}"}
        reply = me.desk.http.post(me.desk.url(path), data=text, headers=headers, timeout=5)
        assert (reply.status_code, reply.json()["type"]) == (400, PROBLEM + "A0E-400-0003")


def test_a_client_without_the_connection_cannot_connect(me):
    me.desk.tenant.clients["web"].connections = ["Username-Password-Authentication"]
    assert me.start().status_code == 400


def test_the_browser_comes_back_with_code_and_state(me):
    started = me.start()
    callback = me.visitor.connect(me.location(started), "eve@gmail.com")
    assert callback.partition("?")[0] == CALLBACK
    assert set(callback.fields) == {"connect_code", "state"}
    assert callback.fields["state"] == "c-1"
    assert len(callback.fields["connect_code"]) <= 46
    issued = {"code": callback.fields["connect_code"], "provider_user_id": "777"}
    assert me.desk.tenant.ledger.count("connect_code_issued", **issued) == 1
    assert me.desk.tenant.ledger.count("account_connected") == 0


def test_declining_comes_back_with_error_and_state(me):
    started = me.start()
    callback = me.visitor.decline(me.location(started))
    assert set(callback.fields) == {"error", "error_description", "state"}
    assert (callback.fields["error"], callback.fields["state"]) == ("access_denied", "c-1")
    assert me.desk.tenant.ledger.count("connect_declined") == 1
    assert me.complete(started, "x").status_code == 400


def test_no_state_sent_none_returned(me):
    assert set(me.visitor.decline(me.location(me.start(state=None))).fields) == {"error", "error_description"}


def test_google_needs_openid_and_profile(me):
    callback = me.visitor.connect(me.location(me.start(scopes=["calendar"])), "eve@gmail.com")
    assert callback.fields["error"] == "invalid_request"


def test_a_ticket_is_for_one_browser_and_one_use_and_300_seconds(me):
    started = me.start()
    me.visitor.request("GET", me.location(started))
    with pytest.raises(PageShown, match="400"):
        me.desk.tenant.visitor().connect(me.location(started), "eve@gmail.com")
    me.choose(started)
    with pytest.raises(PageShown, match="400"):
        me.choose(started)
    late = me.start()
    me.desk.tenant.clock.advance(300)
    with pytest.raises(PageShown, match="400"):
        me.choose(late)
    with pytest.raises(PageShown, match="400"):
        me.visitor.connect(me.desk.url("/connected-accounts/connect?ticket=x"), "eve@gmail.com")


def test_the_page_is_for_people(me):
    me.desk.tenant.connect_account("auth0|ada", "ada@gmail.com")
    with requests.Session() as browser:
        me.desk.tenant.mount(browser)
        page = browser.get(me.location(me.start()), timeout=5)
        assert "Connect a Google account" in page.text
        assert "connected already" in page.text
        assert "eve@gmail.com" in page.text
        assert "eve@hub.example" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        state = re.search(r'name="state" value="([^"]+)"', page.text)[1]
        for form, problem in [
            ({"action": "account", "account": "nobody"}, "No account has that name."),
            ({"action": "account", "account": "eve@hub.example"}, "No account has that name."),
            ({"action": "new", "email": "x"}, "An email is needed."),
            ({}, "Choose an account first."),
        ]:
            reply = browser.post(me.desk.url("/u/connect"), data={"state": state, **form}, timeout=5)
            assert (reply.status_code, problem in reply.text) == (400, True)
        new = {"state": state, "action": "new", "email": "new@gmail.com"}
        reply = browser.post(me.desk.url("/u/connect"), data=new, allow_redirects=False, timeout=5)
        assert "connect_code=" in reply.headers["Location"]
    assert me.desk.tenant.people.find_account("new@gmail.com", "google-oauth2")
    assert not me.desk.tenant.users.by_email("new@gmail.com")
    stranger = me.desk.http.get(me.desk.url(f"/u/connect?state={state}"), timeout=5)
    assert stranger.status_code == 400


def test_an_unknown_account_is_told_to_the_test(me):
    with pytest.raises(LookupError, match="nobody"):
        me.choose(me.start(), "nobody@gmail.com")


def test_complete_is_201_with_the_account(me):
    started = me.start()
    code = me.choose(started)
    reply = me.complete(started, code)
    body = reply.json()
    assert reply.status_code == 201
    assert set(body) == {"id", "connection", "access_type", "scopes", "created_at"}
    assert re.fullmatch(r"cac_[A-Za-z0-9]+", body["id"])
    assert (body["connection"], body["access_type"]) == ("google-oauth2", "offline")
    assert body["scopes"] == ["openid", "profile", "email"]
    assert re.fullmatch(r"2027-01-15T08:00:00\.000Z", body["created_at"])
    ledger = me.desk.tenant.ledger
    assert ledger.count("connect_completed", code=code, account=body["id"], user_id="auth0|ada") == 1
    assert ledger.count("account_connected", provider_user_id="777", account=body["id"]) == 1


def test_expires_at_when_the_provider_limits_its_refresh_tokens(me):
    me.desk.tenant.add_connection("google-oauth2", refresh_token_ttl=604_800)
    assert me.connect()["expires_at"] == "2027-01-22T08:00:00.000Z"


def test_scopes_replace_those_of_the_dashboard_except_offline_access(me):
    me.desk.tenant.add_connection("google-oauth2", scopes=["openid", "profile", "email", "offline_access"])
    scopes = me.connect(scopes=["openid", "profile", "calendar"])["scopes"]
    assert scopes == ["openid", "profile", "calendar", "offline_access"]


def test_the_person_may_agree_to_less(me):
    started = me.start(scopes=["openid", "profile", "calendar"])
    callback = me.visitor.connect(me.location(started), "eve@gmail.com", scopes=["openid", "profile", "x"])
    assert me.complete(started, callback.fields["connect_code"]).json()["scopes"] == ["openid", "profile"]


def test_a_code_is_used_once_then_409(me):
    started = me.start()
    code = me.choose(started)
    first = me.complete(started, code).json()["id"]
    again = me.complete(started, code)
    assert (again.status_code, again.json()["type"]) == (409, PROBLEM + "A0E-409-0001")
    assert [account["id"] for account in me("GET", "/accounts").json()["accounts"]] == [first]
    assert me.desk.tenant.ledger.count("connect_code_reused") == 1
    assert me.desk.tenant.ledger.count("account_connected") == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"auth_session": "x"}, 400),
        ({"connect_code": "x"}, 400),
        ({"redirect_uri": CALLBACK + "/"}, 400),
        ({"code_verifier": "w" * 50}, 400),
        ({"code_verifier": None}, 400),
        ({"code_verifier": "v" * 42}, 400),
        ({"code_verifier": "v" * 129}, 400),
        ({"auth_session": None}, 400),
        ({"auth_session": "x" * 65}, 400),
        ({"connect_code": None}, 400),
        ({"connect_code": ""}, 400),
        ({"connect_code": "x" * 47}, 400),
        ({"extra": "x"}, 400),
        ({"auth_session": 7}, 400),
    ],
)
def test_completing_a_connection_refuses_wrong_bodies(me, body, status):
    started = me.start()
    reply = me.complete(started, me.choose(started), **body)
    assert (reply.status_code, reply.json()["status"]) == (status, status)
    assert reply.json()["validation_errors"]
    assert me.desk.tenant.vault.accounts("auth0|ada") == []


def test_a_wrong_verifier_burns_the_code(me):
    started = me.start()
    code = me.choose(started)
    assert me.complete(started, code, code_verifier="w" * 50).status_code == 400
    assert me.complete(started, code).status_code == 409
    assert me.desk.tenant.ledger.count("connect_code_burnt", code=code) == 1


def test_without_a_challenge_there_is_no_verifier(me):
    started = me.start(code_challenge=None, code_challenge_method=None)
    code = me.choose(started)
    assert me.complete(started, code, code_verifier=None).status_code == 201
    other = me.start(code_challenge=None, code_challenge_method=None)
    assert me.complete(other, me.choose(other), code_verifier=VERIFIER).status_code == 400


def test_the_session_belongs_to_the_user_who_started(me):
    started = me.start()
    code = me.choose(started)
    bob = sign_in_to_connect(me.desk, "bob@example.com")
    assert bob.complete(started, code).status_code == 403
    assert me.complete(started, code).status_code == 201


def test_of_8_parallel_completions_one_wins(me):
    from concurrent.futures import ThreadPoolExecutor

    started = me.start()
    code = me.choose(started)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: me.complete(started, code), range(8)))
    assert sorted(reply.status_code for reply in replies) == [201, *[409] * 7]
    assert me.desk.tenant.ledger.count("account_connected") == 1


def test_300_seconds_from_start_to_complete(me):
    started = me.start()
    code = me.choose(started)
    me.desk.tenant.clock.advance(300)
    assert me.complete(started, code).status_code == 400
