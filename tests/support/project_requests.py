"""A request as a project's own view has it."""

from __future__ import annotations

from django.contrib.auth import get_user
from django.http import HttpRequest
from django.test import RequestFactory

from stateful_oauth.testing.browser import Browser


def request_of(browser: Browser) -> HttpRequest:
    """Return a request of this browser, with its session and user."""
    request = RequestFactory().get("/")
    request.session = browser.client.session
    request.user = get_user(request)
    return request
