"""The browser of every crash point."""

from __future__ import annotations

import pytest

from stateful_oauth.django.browser.binding import cookie_name, new_binding


@pytest.fixture
def browser(browser):
    """A browser that has been here before: it has its cookie whatever becomes of its next request."""
    browser.client.cookies[cookie_name()] = new_binding().value
    return browser
