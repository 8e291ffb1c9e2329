"""Back-channel logout: a logout token of the provider ends exactly the sessions that it names."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path

from stateful_oauth.emulator.logout_tokens import INITIATORS
from stateful_oauth.storage.models import BackchannelLogout, FlowTransaction, Grant, Identity, Session
from stateful_oauth.testing.browser import Browser
from tests.support.error_pages import error_code

pytestmark = [pytest.mark.database_in_ci, pytest.mark.urls(__name__), pytest.mark.security("S19")]

ADA, BOB = "ada@example.com", "bob@example.com"
URL = "/auth/backchannel-logout/"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
FORM = "application/x-www-form-urlencoded"


def profile(request):
    return HttpResponse("profile", status=200 if request.user.is_authenticated else 401)


urlpatterns = [path("auth/", include("stateful_oauth.django.urls")), path("profile/", profile)]


@pytest.fixture(params=["db", "cached_db", "cache"])
def engine(request, settings):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    return request.param


@pytest.fixture
def two(browser, another_browser):
    """Two browsers of one user, each with a session of its own at the provider."""
    other = another_browser()
    other.sign_in(ADA)
    browser.sign_in(ADA)
    return browser, other


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/profile/").status_code == 200


def details(browser: Browser) -> tuple[str, str]:
    kept = browser.client.session["stateful_oauth"]
    return kept["sub"], kept["sid"]


def send(body: str, url: str = URL, content_type: str = FORM) -> HttpResponse:
    """Post as the provider does, without cookies."""
    client = Client(headers={"host": "app.example"}, enforce_csrf_checks=True)
    return client.post(url, body, content_type=content_type, secure=True)


def form(token: str, url: str = URL) -> HttpResponse:
    return send(urlencode({"logout_token": token}), url)


def signed(tenant, browser, **changes):
    return tenant.logout_token("web", *details(browser), **changes)


def test_a_logout_token_ends_the_session_that_it_names_and_no_other(engine, two, tenant):
    browser, other = two
    response = form(signed(tenant, browser))
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert not is_signed_in(browser)
    assert is_signed_in(other)
    assert BackchannelLogout.objects.get().sessions == 1


def test_a_token_without_sid_ends_all_sessions_of_the_user(engine, two, tenant, another_browser):
    browser, other = two
    bob = another_browser()
    bob.sign_in(BOB)
    assert form(signed(tenant, browser, sid=None)).status_code == 200
    assert not is_signed_in(browser)
    assert not is_signed_in(other)
    assert is_signed_in(bob)


def test_a_token_without_sub_ends_the_session_of_its_sid(engine, two, tenant):
    browser, other = two
    assert form(signed(tenant, browser, sub=None)).status_code == 200
    assert (is_signed_in(browser), is_signed_in(other)) == (False, True)


def test_the_grant_of_the_session_ends_and_no_other_one(browser, another_browser, tenant, configure):
    configure(SCOPE="openid profile email offline_access")
    other = another_browser()
    other.sign_in(ADA)
    browser.sign_in(ADA)
    form(signed(tenant, browser))
    assert str(Grant.objects.get(ended_at=None).pk) == other.client.session["stateful_oauth"]["grant"]
    assert FlowTransaction.objects.filter(kind="end_grant").count() == 1


def test_a_token_that_is_delivered_again_changes_nothing(browser, tenant):
    browser.sign_in(ADA)
    token = signed(tenant, browser, sid=None)
    assert form(token).status_code == 200
    browser.sign_in(ADA)
    assert form(token).status_code == 200
    assert is_signed_in(browser)
    assert BackchannelLogout.objects.count() == 1


def test_a_second_token_for_a_session_that_is_over_is_a_success(browser, tenant):
    browser.sign_in(ADA)
    token, again = signed(tenant, browser), signed(tenant, browser)
    assert [form(token).status_code, form(again).status_code] == [200, 200]
    assert sorted(line.sessions for line in BackchannelLogout.objects.all()) == [0, 1]


def test_a_token_for_an_unknown_session_is_a_success_and_ends_nothing(two, tenant):
    browser, other = two
    assert form(signed(tenant, browser, sid="another", sub="auth0|nobody")).status_code == 200
    assert is_signed_in(browser)
    assert is_signed_in(other)


def test_a_callback_that_comes_after_the_logout_token_signs_in_no_more(browser, tenant, engine):
    """The provider has ended the session between its redirect and our exchange of the code."""
    browser.sign_in(ADA)
    url = browser.authorize(browser.start(), ADA)  # silent: the provider's session is the same
    form(signed(tenant, browser))
    assert error_code(browser.get(url)) == "sign_in_outdated"
    assert not is_signed_in(browser)


@pytest.mark.parametrize("sid", ["its own", None])
def test_a_callback_that_is_delivered_again_after_the_logout_token_gives_no_session(browser, tenant, sid):
    url = browser.authorize(browser.start(), ADA)
    browser.get(url)
    form(signed(tenant, browser, **({} if sid else {"sid": None})))
    browser.get(url)
    assert not is_signed_in(browser)


def test_a_first_sign_in_whose_session_has_ended_meanwhile_makes_no_session(browser, tenant):
    url = browser.authorize(browser.start(), BOB)
    (kept,) = tenant.browsers.sessions.values()
    form(tenant.logout_token("web", kept.user_id, kept.sid))
    assert error_code(browser.get(url)) == "sign_in_outdated"
    assert not is_signed_in(browser)
    assert not Session.objects.exists()


def test_the_user_can_sign_in_again_after_a_logout_token(browser, tenant, engine):
    browser.sign_in(ADA)
    token = signed(tenant, browser)
    browser.visitor.close_browser()
    form(token)
    browser.sign_in(ADA)
    assert is_signed_in(browser)


def other_signature(tenant, browser):
    claims = jwt.decode(signed(tenant, browser), options={"verify_signature": False})
    kid = jwt.get_unverified_header(signed(tenant, browser))["kid"]
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})


def unsigned(tenant, browser):
    _header, claims, _ = signed(tenant, browser).split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    return f"{none}.{claims}."


def signed_with_the_secret(tenant, browser):
    claims = jwt.decode(signed(tenant, browser), options={"verify_signature": False})
    return jwt.encode(claims, "a-client-secret-of-the-tests-0123456789", algorithm="HS256")


def with_type(kind):
    def made(tenant, browser):
        key = tenant.keys.current("RS256")
        claims = jwt.decode(signed(tenant, browser), options={"verify_signature": False})
        headers = {"kid": key.kid, "typ": kind}
        return jwt.encode(claims, key.material.private, algorithm="RS256", headers=headers)

    return made


def changed(**changes):
    def made(tenant, browser):
        given = {name: each(tenant.clock.now()) if callable(each) else each for name, each in changes.items()}
        return signed(tenant, browser, **given)

    return made


REFUSED = {
    "signed with another key": other_signature,
    "not signed": unsigned,
    "signed with the client's secret": signed_with_the_secret,
    "no token at all": lambda tenant, browser: "abc",
    "encrypted": lambda tenant, browser: "a.b.c.d.e",
    "of another kind": with_type("at+jwt"),
    "another issuer": changed(iss="https://evil.example/"),
    "no issuer": changed(iss=None),
    "issuer without its slash": changed(iss="https://tenant.example"),
    "another audience": changed(aud="other"),
    "no audience": changed(aud=None),
    "empty audience": changed(aud=[]),
    "an audience beside ours": changed(aud=["web", "other"]),
    "audience of numbers": changed(aud=[1]),
    "no iat": changed(iat=None),
    "iat of the future": changed(iat=lambda now: int(now) + 3600, exp=lambda now: int(now) + 3700),
    "iat as a text": changed(iat="now"),
    "iat true": changed(iat=True),
    "no exp": changed(exp=None),
    "expired": changed(iat=lambda now: int(now) - 300, exp=lambda now: int(now) - 180),
    "valid for a year": changed(exp=lambda now: int(now) + 31_536_000),
    "exp before iat": changed(exp=lambda now: int(now) - 5),
    "not valid yet": changed(nbf=lambda now: int(now) + 3600),
    "no events": changed(events=None),
    "events of another kind": changed(events={"http://schemas.openid.net/event/other": {}}),
    "events as a list": changed(events=[EVENT]),
    "events as a text": changed(events=EVENT),
    "event with a text": changed(events={EVENT: "yes"}),
    "event with null": changed(events={EVENT: None}),
    "a nonce": changed(nonce="n"),
    "an empty nonce": changed(nonce=""),
    "neither sub nor sid": changed(sub=None, sid=None),
    "empty sub and no sid": changed(sub="", sid=None),
    "empty sid": changed(sid=""),
    "sid as a number": changed(sid=7),
    "sub as a list": changed(sub=["a"]),
    "a very long sid": changed(sid="s" * 300),
    "no jti": changed(jti=None),
    "empty jti": changed(jti=""),
    "jti as a number": changed(jti=5),
    "a very long token": changed(padding="x" * 20_000),
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
def test_a_token_that_breaks_a_rule_changes_nothing(two, tenant, token):
    browser, other = two
    response = form(token(tenant, browser))
    assert (response.status_code, response.headers["Cache-Control"]) == (400, "no-store")
    assert response.json()["error"] == "invalid_request"
    assert is_signed_in(browser)
    assert is_signed_in(other)
    assert not BackchannelLogout.objects.exists()
    assert set(Identity.objects.values_list("session_generation", flat=True)) <= {0, 1}


ACCEPTED = {
    "typ as the specification says": with_type("logout+jwt"),
    "typ in other letters": with_type("Logout+JWT"),
    "an audience in a list": changed(aud=["web"]),
    "claims that are not known": changed(trace_id="x", more={"a": 1}),
    "an event with members": changed(events={EVENT: {"later": 1}, "urn:other": {}}),
}


@pytest.mark.parametrize("token", ACCEPTED.values(), ids=ACCEPTED)
def test_a_token_of_another_valid_form_ends_the_session(browser, tenant, token):
    browser.sign_in(ADA)
    assert form(token(tenant, browser)).status_code == 200
    assert not is_signed_in(browser)


def test_an_id_token_is_no_logout_token(browser, tenant):
    seen = []
    tenant.token_reply_hook = lambda body: seen.append(body["id_token"])
    browser.sign_in(ADA)
    assert form(seen[0]).status_code == 400
    assert is_signed_in(browser)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", FORM),
        ("logout_token=", FORM),
        ("token=x", FORM),
        ("logout_token={token}&logout_token={token}", FORM),
        ('{{"logout_token": "{token}"}}', "application/json"),
        ("logout_token={token}", "text/plain"),
        ("logout_token={token}&padding=" + "x" * 30_000, FORM),
    ],
    ids=["empty", "no token", "another name", "twice", "json", "text", "too long"],
)
def test_a_request_of_another_form_is_refused(browser, tenant, body, kind):
    browser.sign_in(ADA)
    response = send(body.format(token=signed(tenant, browser)), content_type=kind)
    assert (response.status_code, response.headers["Cache-Control"]) == (400, "no-store")
    assert is_signed_in(browser)


def test_a_token_in_the_url_is_not_read(browser, tenant):
    browser.sign_in(ADA)
    assert send("", f"{URL}?logout_token={signed(tenant, browser)}", content_type=FORM).status_code == 400
    assert is_signed_in(browser)


@pytest.mark.parametrize("method", ["get", "put", "delete", "head"])
def test_other_methods_are_not_allowed(browser, method):
    response = getattr(Client(headers={"host": "app.example"}), method)(URL, secure=True)
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert response.headers["Cache-Control"] == "no-store"


def test_a_site_that_demands_a_login_everywhere_takes_logout_tokens(browser, tenant, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    browser.sign_in(ADA)
    assert form(signed(tenant, browser)).status_code == 200


def test_a_provider_whose_keys_cannot_be_read_is_asked_to_come_again(browser, tenant, configure):
    browser.sign_in(ADA)
    token = signed(tenant, browser)
    configure()  # a worker that has not read the keys yet
    tenant.faults.add("*", "lost_request", times=None)
    response = form(token)
    assert (response.status_code, response.headers["Cache-Control"]) == (503, "no-store")
    assert is_signed_in(browser)


def test_each_tenant_has_a_url_and_ends_its_own_sessions_alone(browser, tenant, configure, settings):
    one = {name: settings.STATEFUL_OAUTH[name] for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")}
    configure(TENANTS={"main": one, "shop": one})
    tenant.clients["web"].callbacks = ["https://app.example/auth/shop/callback/"]
    browser.get(browser.authorize(browser.get("/auth/shop/login/")["Location"], ADA))
    assert Session.objects.get().tenant == "shop"
    token, again = signed(tenant, browser), signed(tenant, browser)
    assert form(token).status_code == 404
    assert form(token, "/auth/main/backchannel-logout/").status_code == 200
    assert is_signed_in(browser)
    assert form(again, "/auth/shop/backchannel-logout/").status_code == 200
    assert not is_signed_in(browser)
    assert form(again, "/auth/none/backchannel-logout/").status_code == 404


@pytest.mark.parametrize("reason", sorted(INITIATORS))
def test_what_ends_a_session_at_the_provider_ends_it_here(browser, tenant, reason):
    tenant.clients["web"].backchannel_logout_url = f"https://app.example{URL}"
    browser.sign_in(ADA)
    subject, _ = details(browser)
    tenant.end_sessions(subject, reason)
    (delivery,) = tenant.logout_tokens.take()
    assert (delivery.reason, delivery.url) == (reason, f"https://app.example{URL}")
    assert send(delivery.body.decode(), content_type=FORM).status_code == 200
    assert not is_signed_in(browser)
