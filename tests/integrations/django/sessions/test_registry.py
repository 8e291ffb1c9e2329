"""The registry of sessions: every session of a sign-in has a row, and ends by it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model, update_session_auth_hash
from django.http import HttpResponse, JsonResponse
from django.urls import include, path

from stateful_oauth.django import end_other_sessions, end_session, end_sessions, user_sessions
from stateful_oauth.django.sweeps.purging import purge
from stateful_oauth.storage.models import Grant, Session
from stateful_oauth.testing.browser import Browser

pytestmark = [pytest.mark.database, pytest.mark.urls(__name__)]

ADA, BOB = "ada@example.com", "bob@example.com"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1"
MIDDLEWARE = "stateful_oauth.django.SignInSessionMiddleware"


def profile(request):
    return HttpResponse("profile", status=200 if request.user.is_authenticated else 401)


def change_password(request):
    request.user.set_password("correct horse battery staple")
    request.user.save()
    update_session_auth_hash(request, request.user)
    return HttpResponse("changed")


def give_another_key(request):
    assert request.user.is_authenticated
    if before_the_key is not None:
        before_the_key()
    request.session.cycle_key()
    return HttpResponse("ok")


before_the_key = None


def listed(request):
    shown = [[each.browser, each.is_current, each.id] for each in user_sessions(request)]
    return JsonResponse({"sessions": shown})


def end_one(request):
    return JsonResponse({"ended": end_session(request, request.POST["session"])})


def end_others(request):
    return JsonResponse({"ended": end_other_sessions(request)})


urlpatterns = [
    path("auth/", include("stateful_oauth.django.urls")),
    path("profile/", profile),
    path("password/", change_password),
    path("another-key/", give_another_key),
    path("sessions/", listed),
    path("sessions/end/", end_one),
    path("sessions/end-others/", end_others),
]


@pytest.fixture(params=["db", "cached_db", "cache"])
def engine(request, settings):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    return request.param


@pytest.fixture
def middleware(settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, MIDDLEWARE]


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/profile/").status_code == 200


def test_a_sign_in_writes_one_row_with_the_sessions_key(browser, tenant, engine):
    browser.sign_in(ADA)
    row, kept = Session.objects.get(), browser.client.session
    assert row.session_key == kept.session_key
    assert (row.subject, row.sid) == (kept["stateful_oauth"]["sub"], kept["stateful_oauth"]["sid"])
    assert (row.tenant, str(row.user_id)) == ("default", browser.user_id)


def test_the_row_names_the_grant_of_the_sign_in(browser, configure):
    configure(SCOPE="openid profile email offline_access")
    browser.sign_in(ADA)
    assert Session.objects.get().grant_id == Grant.objects.get().pk


def test_signing_in_again_in_one_browser_leaves_one_row(browser, engine):
    browser.sign_in(ADA)
    browser.sign_in(ADA)
    assert Session.objects.get().session_key == browser.client.session.session_key
    browser.sign_in(BOB)
    assert Session.objects.get().session_key == browser.client.session.session_key
    assert str(Session.objects.get().user_id) == browser.user_id


def test_a_callback_that_is_delivered_twice_leaves_one_row(browser, engine):
    url = browser.authorize(browser.start(), ADA)
    browser.get(url)
    browser.get(url)
    assert Session.objects.get().session_key == browser.client.session.session_key


def test_a_second_delivery_without_the_first_ones_cookie_has_a_row_of_its_own(browser, engine):
    url = browser.authorize(browser.start(), ADA)
    browser.get(url)
    del browser.client.cookies["sessionid"]
    browser.get(url)
    assert is_signed_in(browser)
    assert Session.objects.filter(session_key=browser.client.session.session_key).exists()


def test_sign_out_deletes_the_row_of_its_session_alone(browser, another_browser, engine):
    elsewhere = another_browser()
    elsewhere.sign_in(ADA)
    browser.sign_in(ADA)
    browser.post("/auth/logout/")
    assert Session.objects.get().session_key == elsewhere.client.session.session_key


def test_a_session_is_ended_from_another_browser(browser, another_browser, engine):
    elsewhere = another_browser()
    elsewhere.sign_in(ADA)
    browser.sign_in(ADA)
    assert browser.post("/sessions/end-others/").json() == {"ended": 1}
    assert not is_signed_in(elsewhere)
    assert is_signed_in(browser)


def test_ending_a_session_ends_its_grant_and_no_other_one(browser, another_browser, configure):
    configure(SCOPE="openid profile email offline_access")
    elsewhere = another_browser()
    elsewhere.sign_in(ADA)
    browser.sign_in(ADA)
    browser.post("/sessions/end-others/")
    assert str(Grant.objects.get(ended_at=None).pk) == browser.client.session["stateful_oauth"]["grant"]


def test_a_session_that_was_ended_does_not_come_back_by_its_callback(browser, another_browser, engine):
    elsewhere = another_browser()
    url = elsewhere.authorize(elsewhere.start(), ADA)
    elsewhere.get(url)
    browser.sign_in(ADA)
    browser.post("/sessions/end-others/")
    elsewhere.get(url)
    assert not is_signed_in(elsewhere)


def test_a_user_sees_their_own_sessions_with_browser_and_system(browser, another_browser, clock):
    another_browser().sign_in(BOB)
    elsewhere = another_browser()
    elsewhere.get(elsewhere.authorize(elsewhere.start(), ADA), HTTP_USER_AGENT=SAFARI)
    clock.advance(1)
    browser.get(browser.authorize(browser.start(), ADA), HTTP_USER_AGENT=FIREFOX)
    shown = [each[:2] for each in browser.get("/sessions/").json()["sessions"]]
    assert shown == [["Firefox, Linux", True], ["Safari, iPhone", False]]


def test_a_session_that_something_else_deleted_is_not_listed(browser, another_browser, engine):
    elsewhere = another_browser()
    elsewhere.sign_in(ADA)
    browser.sign_in(ADA)
    elsewhere.client.session.delete(elsewhere.client.session.session_key)
    assert len(browser.get("/sessions/").json()["sessions"]) == 1


def test_one_session_is_ended_by_its_id(browser, another_browser, engine):
    first, second = another_browser(), another_browser()
    first.sign_in(ADA)
    second.sign_in(ADA)
    browser.sign_in(ADA)
    chosen = Session.objects.get(session_key=first.client.session.session_key).pk
    assert browser.post("/sessions/end/", {"session": str(chosen)}).json() == {"ended": True}
    assert not is_signed_in(first)
    assert is_signed_in(second)


@pytest.mark.parametrize("what", ["another user's", "its own", "nonsense"])
def test_no_other_users_session_and_not_its_own_is_ended_by_an_id(browser, another_browser, what):
    elsewhere = another_browser()
    elsewhere.sign_in(BOB)
    browser.sign_in(ADA)
    owner = {"another user's": elsewhere, "its own": browser}.get(what)
    session = "1; DROP" if owner is None else owner.client.session["stateful_oauth_row"][0]
    assert browser.post("/sessions/end/", {"session": session}).json() == {"ended": False}
    assert is_signed_in(elsewhere)
    assert is_signed_in(browser)


def test_a_visitor_has_no_sessions_and_ends_none(browser, another_browser):
    elsewhere = another_browser()
    elsewhere.sign_in(ADA)
    assert browser.get("/sessions/").json() == {"sessions": []}
    assert browser.post("/sessions/end-others/").json() == {"ended": 0}
    assert is_signed_in(elsewhere)


def test_end_sessions_ends_them_for_a_user_with_a_password_too(browser, engine):
    browser.sign_in(ADA)
    user = get_user_model().objects.get(pk=browser.user_id)
    user.set_password("correct horse battery staple")
    user.save()
    browser.sign_in(ADA)
    end_sessions(user)
    assert not is_signed_in(browser)
    assert not Session.objects.exists()


def test_a_changed_password_keeps_the_row_with_the_session(browser, engine, middleware):
    browser.sign_in(ADA)
    browser.get("/password/")
    assert is_signed_in(browser)
    assert Session.objects.get().session_key == browser.client.session.session_key


def test_a_session_from_before_the_registry_gets_a_row(browser, engine, middleware):
    browser.sign_in(ADA)
    Session.objects.all().delete()
    session = browser.client.session
    del session["stateful_oauth_row"]
    session.save()
    browser.get("/profile/")
    assert Session.objects.get().session_key == browser.client.session.session_key


def test_another_key_does_not_save_a_session_that_is_ended_meanwhile(
    browser, another_browser, engine, middleware, monkeypatch
):
    elsewhere = another_browser()
    elsewhere.sign_in(ADA)
    browser.sign_in(ADA)
    monkeypatch.setitem(globals(), "before_the_key", lambda: elsewhere.post("/sessions/end-others/"))
    browser.get("/another-key/")
    assert not is_signed_in(browser)


def test_a_step_up_keeps_one_row_with_the_new_key(browser, engine):
    browser.sign_in(ADA)
    before = browser.client.session.session_key
    location = browser.post("/auth/step-up/")["Location"]
    browser.get(browser.authorize(location, ADA))
    assert browser.client.session.session_key != before
    assert Session.objects.get().session_key == browser.client.session.session_key


def test_a_purge_deletes_the_rows_of_sessions_that_are_over(browser, another_browser, clock, engine):
    over = another_browser()
    over.sign_in(ADA)
    over.client.session.delete(over.client.session.session_key)
    browser.sign_in(ADA)
    assert purge(timedelta(days=30)) == 0
    assert Session.objects.count() == 2, "The end that was noted has not come yet."
    clock.advance(timedelta(weeks=3).total_seconds())
    purge(timedelta(days=300))
    assert Session.objects.get().session_key == browser.client.session.session_key


def test_sessions_in_cookies_are_registered_without_a_key(browser, another_browser, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    another_browser().sign_in(ADA)
    browser.sign_in(ADA)
    assert [row.session_key for row in Session.objects.all()] == ["", ""]
    assert is_signed_in(browser)
