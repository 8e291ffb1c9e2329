"""Sign-in in a frame of another site: off by default, and each part of it by a named setting."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.security("S16")

ADA = "ada@example.com"
OURS = "__Host-stateful_oauth"
FRAMED = {
    "HTTP_SEC_FETCH_MODE": "navigate",
    "HTTP_SEC_FETCH_DEST": "iframe",
    "HTTP_SEC_FETCH_SITE": "cross-site",
}


@pytest.fixture
def framed(configure):
    configure(FRAME_ANCESTORS=["https://teams.example"], COOKIE_SAMESITE="None", COOKIE_PARTITIONED=True)


def set_cookies(response):
    """Return the attributes of the binding cookies as the server sends them, by name."""
    headers = [morsel.OutputString() for name, morsel in response.cookies.items() if name.startswith(OURS)]
    return {header.partition("=")[0]: set(header.split("; ")[1:]) for header in headers}


def test_cookies_are_for_the_site_alone_by_default(browser):
    assert browser.get("/auth/login/", **FRAMED).status_code == 401
    for attributes in set_cookies(browser.get("/auth/login/")).values():
        assert "SameSite=Lax" in attributes
        assert "Partitioned" not in attributes


@pytest.mark.usefixtures("framed")
def test_sign_in_in_a_frame_uses_cookies_that_browsers_send_there(browser):
    started = browser.get("/auth/login/?next=/profile/%3Ftab%3D2", **FRAMED)
    assert len(set_cookies(started)) == 2
    for attributes in set_cookies(started).values():
        assert {"SameSite=None", "Secure", "HttpOnly", "Partitioned", "Path=/"} <= attributes
    landed = browser.get(browser.authorize(started["Location"], ADA), **FRAMED)
    assert landed["Location"] == "/profile/?tab=2"
    assert "Partitioned" in set_cookies(landed)[OURS]


@pytest.mark.usefixtures("framed")
def test_cookies_of_frames_are_deleted_with_the_attributes_they_were_set_with(browser):
    browser.sign_in(ADA)
    deleted = set_cookies(browser.post("/auth/logout/"))
    assert len(deleted) > 1
    for attributes in deleted.values():
        assert {"Max-Age=0", "SameSite=None", "Secure", "Partitioned"} <= attributes


def test_cookie_without_a_partition_is_for_frames_too(browser, configure):
    configure(COOKIE_SAMESITE="None")
    for attributes in set_cookies(browser.get("/auth/login/")).values():
        assert "SameSite=None" in attributes
        assert "Partitioned" not in attributes
