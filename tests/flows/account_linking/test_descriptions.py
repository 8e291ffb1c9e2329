"""What the provider says when it refuses the proof of a link: on the linking page, if the site shows it."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.support.account_attempts import Linking
from tests.support.accounts_site import site as site_with
from tests.support.link_pages import asked

pytestmark = [pytest.mark.database_in_ci, pytest.mark.security("S7")]

SAID = "Verify <b>your</b> email first."
SHOWN = "Verify &lt;b&gt;your&lt;/b&gt; email first."
ERRORS = ("access_denied", "unauthorized", "server_error", "invalid_request")


@pytest.fixture
def attempt(tenant, browser):
    return Linking(tenant, browser)


def refused(browser, attempt, error, description=SAID):
    """Come back from the provider with an error instead of the proof; return the linking page."""
    fields = {name: value for name, value in attempt.callback.fields.items() if name != "code"}
    query = urlencode({**fields, "error": error, "error_description": description})
    return asked(browser, browser.get(f"/auth/link/callback/?{query}")).page.content.decode()


@pytest.mark.parametrize("error", ERRORS)
def test_linking_page_shows_no_description_without_the_setting(browser, attempt, error):
    page = refused(browser, attempt, error)
    assert 'role="alert"' in page
    assert "Verify" not in page


@pytest.mark.parametrize("error", ERRORS)
def test_linking_page_shows_the_description_escaped_with_the_setting(browser, attempt, error):
    with site_with(SHOW_UNTRUSTED_ERROR_DESCRIPTION=True):
        page = refused(browser, attempt, error)
    assert 'role="alert"' in page
    assert SHOWN in page


def test_description_is_gone_once_the_user_tries_again(browser, attempt):
    with site_with(SHOW_UNTRUSTED_ERROR_DESCRIPTION=True):
        refused(browser, attempt, "access_denied")
        browser.post(f"{attempt.page.address}confirm/")
        assert "Verify" not in browser.get(attempt.page.address).content.decode()


def test_wrong_account_has_no_description(tenant, browser):
    tenant.add_user(email="other@example.com", connection="google-oauth2")
    with site_with(SHOW_UNTRUSTED_ERROR_DESCRIPTION=True):
        attempt = Linking(tenant, browser)
        callback = browser.authorize(attempt.location, "other@example.com")
        page = asked(browser, browser.get(callback)).page.content.decode()
    assert "service says" not in page
