"""Browser swapping with a changed request: the code that the victim's browser brought is never exchanged.

Without pushed requests, who starts an attempt can change the authorization URL before another browser opens
it.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.support.error_pages import error_code
from tests.support.rows import check_rows, the_row

pytestmark = pytest.mark.database

ADA = "ada@example.com"
NAVIGATION = {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document"}
CHANGED = {
    "another state": ("A" * 54, "transaction_unknown"),
    "a state that is no base64": ("not ours!", "transaction_unknown"),
    "a state too long": ("A" * 129, "parameter_invalid"),
    "no state": ("", "state_missing"),
}


@pytest.fixture
def started(browser):
    return browser.start("/profile/")


def changed(location, state):
    parts = urlsplit(location)
    fields = {**dict(parse_qsl(parts.query)), "state": state}
    return parts._replace(query=urlencode(fields)).geturl()


def restored(callback, location):
    """Return the callback as the attacker writes it after reading the victim's."""
    state = dict(parse_qsl(urlsplit(location).query))["state"]
    parts = urlsplit(str(callback))
    return parts._replace(query=urlencode({**callback.fields, "state": state})).geturl()


@pytest.mark.security("S22")
@pytest.mark.parametrize(("state", "code"), CHANGED.values(), ids=CHANGED)
def test_a_code_that_another_browser_has_shown_under_a_changed_state(
    browser, another_browser, tenant, started, state, code
):
    victim = another_browser()
    callback = victim.authorize(changed(started, state), ADA)
    assert error_code(victim.get(str(callback), **NAVIGATION)) == code
    assert error_code(browser.get(restored(callback, started), **NAVIGATION)) == "browser_mismatch"
    assert browser.user_id is None
    assert tenant.requests["/oauth/token"] == 0
    check_rows()
    assert browser.sign_in(ADA)["Location"] == "/profile/", "A new start is a way on."


@pytest.mark.security("S22")
def test_a_code_that_another_browser_has_posted(browser, another_browser, tenant, started):
    victim = another_browser()
    callback = victim.authorize(started, ADA)
    form = urlencode(callback.fields)
    posted = victim.client.post(
        "/auth/callback/", form, "application/x-www-form-urlencoded", secure=True, **NAVIGATION
    )
    assert posted.status_code == 405
    assert error_code(browser.get(callback, **NAVIGATION)) == "browser_mismatch"
    assert tenant.requests["/oauth/token"] == 0


@pytest.mark.parametrize(("state", "code"), CHANGED.values(), ids=CHANGED)
def test_what_is_no_navigation_is_not_remembered(browser, another_browser, started, state, code):
    callback = browser.authorize(started, ADA)
    damaged = str(callback).replace(callback.fields["state"], state)
    assert error_code(another_browser().get(damaged)) == code
    assert browser.get(callback, **NAVIGATION)["Location"] == "/profile/"


def test_a_fragment_is_not_taken_along_to_the_error_page(browser):
    """With `response_mode=fragment` the address of the callback holds the code where no server sees it."""
    response = browser.get("/auth/callback/", **NAVIGATION)
    assert response["Location"].endswith("/auth/error/state_missing/#")


def test_a_cache_that_fails_fails_no_sign_in(browser, settings, caplog):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.Broken"}}
    callback = browser.authorize(browser.start(), ADA)
    assert error_code(browser.get("/auth/callback/?code=x&state=y", **NAVIGATION)) == "transaction_unknown"
    assert browser.get(callback, **NAVIGATION)["Location"] == "/profile/"
    assert "a code that was seen could not be remembered: ConnectionError" in caplog.messages
    assert the_row().state == "signed_in"


class Broken:
    """A cache whose server is gone."""

    def __init__(self, *args):
        """Take what Django's settings give."""

    def get(self, *args, **kwargs):
        raise ConnectionError

    add = get

    def close(self, **kwargs):
        """Nothing to close."""
