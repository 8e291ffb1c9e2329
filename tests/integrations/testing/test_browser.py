"""The browser and the visitor of the kit say what was shown where a test expected a redirect."""

from __future__ import annotations

import pytest

from stateful_oauth.emulator import PageShown
from stateful_oauth.testing import Browser

pytestmark = pytest.mark.django_db


def test_a_host_that_the_site_does_not_allow_is_named(settings, tenant):
    settings.ALLOWED_HOSTS = ["elsewhere.example"]
    with pytest.raises(AssertionError, match=r"answered 400.*in ALLOWED_HOSTS"):
        Browser(tenant).start()


def test_a_page_of_the_tenant_is_quoted(tenant):
    browser = Browser(tenant)
    location = browser.start().replace("callback%2F", "elsewhere%2F")
    with pytest.raises(PageShown, match=r"HTTP 400\): .*allowed callback URLs"):
        browser.authorize(location, "ada@example.com")
