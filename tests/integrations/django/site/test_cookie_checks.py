"""`check --deploy` says which cookies another host of the domain can set."""

from __future__ import annotations

import pytest

from stateful_oauth.django.checks.cookies import check_cookies

RIGHT = {
    "SESSION_COOKIE_NAME": "__Host-sessionid",
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_NAME": "__Host-csrftoken",
    "CSRF_COOKIE_SECURE": True,
}
WRONG = {
    "SESSION_COOKIE_NAME": "sessionid",
    "SESSION_COOKIE_SECURE": False,
    "SESSION_COOKIE_DOMAIN": ".example.com",
    "SESSION_COOKIE_PATH": "/app/",
    "CSRF_COOKIE_NAME": "csrftoken",
    "CSRF_COOKIE_SECURE": False,
    "CSRF_COOKIE_DOMAIN": ".example.com",
    "CSRF_COOKIE_PATH": "/app/",
}


@pytest.fixture(autouse=True)
def right(settings):
    for name, value in RIGHT.items():
        setattr(settings, name, value)


def test_cookies_that_only_this_host_can_set_are_fine():
    assert check_cookies() == []


@pytest.mark.parametrize(("name", "value"), WRONG.items(), ids=WRONG)
def test_a_cookie_that_another_host_can_set_is_said_with_a_hint(settings, name, value):
    setattr(settings, name, value)
    (message,) = check_cookies()
    assert message.id == "stateful_oauth.W006"
    assert f"{name.partition('_')[0]}_COOKIE_NAME" in message.hint


def test_without_a_cookie_of_csrf_there_is_none_to_set(settings):
    settings.CSRF_USE_SESSIONS, settings.CSRF_COOKIE_NAME = True, "csrftoken"
    assert check_cookies() == []


def test_on_plain_http_there_are_no_such_cookies(configure, settings):
    settings.SESSION_COOKIE_NAME = "sessionid"
    configure(BASE_URL="http://127.0.0.1:8000")
    assert check_cookies() == []


def test_cookies_that_do_not_fit_together_in_a_frame_are_said(configure, settings):
    configure(COOKIE_SAMESITE="None")
    assert [message.id for message in check_cookies()] == ["stateful_oauth.W015"] * 3
    settings.SESSION_COOKIE_SAMESITE = settings.CSRF_COOKIE_SAMESITE = "None"
    configure(FRAME_ANCESTORS=["https://teams.example"])
    assert check_cookies() == []
