"""The pages for people."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest

from stateful_oauth.emulator import DATABASE
from tests.integrations.emulator.conftest import CALLBACK

EVIL = "<script>alert(1)</script>\"'&$body"


class Reader(HTMLParser):
    """Collects tags, so that escaping is judged by a parser and not by eye."""

    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def open_page(desk, **params):
    visitor = desk.tenant.visitor()
    where = visitor.request("GET", desk.location(**params)).header("Location")
    return visitor, where, visitor.request("GET", where)


def test_shows_the_application_the_scopes_and_everybody(desk):
    _, _, answer = open_page(desk)
    reader = Reader(answer.body.decode())
    for text in ("Sign in to The shop", "offline_access", "Ada", "Bob", "Google", "Decline"):
        assert text in reader.text
    assert answer.status == 200
    assert answer.header("X-Frame-Options") == "DENY"
    assert answer.header("Cache-Control") == "no-store"


def test_nothing_comes_from_outside_and_no_script_runs(desk):
    _, _, answer = open_page(desk)
    html = answer.body.decode()
    assert "default-src 'none'" in answer.header("Content-Security-Policy")
    assert not re.search(r"https?://(?!tenant\.example)", html.split("</style>")[1])
    assert "script" not in {tag for tag, _ in Reader(html).tags}


def test_every_control_has_a_name_and_the_page_a_language(desk):
    _, _, answer = open_page(desk)
    reader = Reader(answer.body.decode())
    assert ("html", {"lang": "en"}) in reader.tags
    visible = [a for tag, a in reader.tags if tag == "input" and a.get("type") != "hidden"]
    html = answer.body.decode()
    assert visible
    assert len(re.findall(r"<label>[^<]+<input", html)) == len(visible)


def test_names_are_escaped_on_every_page_of_the_emulator(desk):
    desk.tenant.add_user(email=f"{EVIL}@example.com", name=EVIL)
    desk.tenant.add_user(name=EVIL, connection=EVIL)
    desk.tenant.clients["web"].name = EVIL
    desk.tenant.clients["web"].first_party = False
    desk.tenant.add_organization(EVIL, members=["auth0|ada"])
    visitor, where, answer = open_page(desk, organization=EVIL, scope=f"openid {EVIL}", login_hint=EVIL)
    assert answer.status == 200
    form = {"state": parse_qs(urlsplit(where).query)["state"][0], "action": "account"}
    answers = [answer, visitor.request("POST", "/u/login", {**form, "connection": DATABASE, "account": EVIL})]
    signed_in = visitor.request("POST", "/u/login", {**form, "connection": DATABASE, "account": "auth0|ada"})
    answers.append(visitor.request("GET", signed_in.header("Location")))
    answers.append(visitor.request("GET", desk.location(client_id=EVIL)))
    answers.append(
        visitor.request("GET", desk.location(response_mode="form_post", response_type=EVIL, state=EVIL))
    )
    for page in answers:
        html = page.body.decode()
        scripts = [tag for tag, _ in Reader(html).tags if tag == "script"]
        assert len(scripts) == html.count("<script>document.forms[0].submit()</script>")
        assert "alert(1)" in html


def sign_in(desk, **form):
    visitor, where, _ = open_page(desk)
    state = parse_qs(urlsplit(where).query)["state"][0]
    return visitor.request("POST", "/u/login", {"state": state, "connection": DATABASE, **form})


def test_the_password_form_of_the_emulator_signs_in(desk):
    answer = sign_in(desk, action="password", username="ADA@example.com", password="correct horse")
    assert answer.header("Location").startswith(CALLBACK)
    answer = sign_in(desk, action="password", username="ada@example.com", password="wrong")
    assert answer.status == 400
    assert b"Wrong email or password" in answer.body


def test_sign_up_and_another_social_account(desk):
    answer = sign_in(desk, action="new", email="new@example.com", password="x")
    assert answer.header("Location").startswith(CALLBACK)
    answer = sign_in(desk, action="new", email="new@gmail.com", connection="google-oauth2")
    assert answer.header("Location").startswith(CALLBACK)
    verified = {user.email: user.email_verified for user in desk.tenant.people.users.values()}
    assert (verified["new@example.com"], verified["new@gmail.com"]) == (False, True)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"action": "account"},
        {"action": "account", "account": "nobody"},
        {"action": "account", "account": "google-oauth2|123"},
        {"action": "password"},
        {"action": "new"},
        {"action": "new", "email": "x@example.com"},
        {"action": "new", "email": "ada@example.com", "password": "x"},
        {"action": "account", "account": "auth0|ada", "connection": "nothing"},
        {"action": "fly"},
    ],
)
def test_bad_forms_show_the_page_again(desk, form):
    answer = sign_in(desk, **form)
    assert answer.status == 400
    assert b'role="alert"' in answer.body
    assert desk.tenant.ledger.count("session_started") == 0


def test_a_login_belongs_to_the_browser_that_asked(desk):
    _, where, _ = open_page(desk)
    assert desk.tenant.visitor().request("GET", where).status == 400


def test_the_login_lives_one_hour(desk):
    visitor, where, _ = open_page(desk)
    desk.tenant.clock.advance(3_600)
    answer = visitor.request("GET", where)
    assert answer.status == 400
    assert b"You may have pressed the back button" in answer.body


def test_more_than_ten_dialogs_evict_the_oldest(desk):
    visitor = desk.tenant.visitor()
    pages = [visitor.request("GET", desk.location()).header("Location") for _ in range(11)]
    statuses = [visitor.request("GET", page).status for page in pages]
    assert statuses == [400, *[200] * 10]


def test_a_login_is_used_once(desk):
    visitor, where, _ = open_page(desk)
    state = parse_qs(urlsplit(where).query)["state"][0]
    form = {"state": state, "action": "account", "account": "auth0|ada", "connection": DATABASE}
    assert visitor.request("POST", "/u/login", form).status == 302
    assert visitor.request("POST", "/u/login", form).status == 400


def test_cookies_are_for_http_only(desk):
    answer = desk.tenant.visitor().request("GET", desk.location())
    assert "HttpOnly; SameSite=None; Secure" in answer.header("Set-Cookie")
