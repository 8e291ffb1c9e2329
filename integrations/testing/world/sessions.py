"""Who is signed in at the site, as its next page would see it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

if TYPE_CHECKING:
    from stateful_oauth.testing.browser import Browser


def session_of(browser: Browser) -> Any:
    """Return the session that the browser's cookie names; an empty one, never saved, where there is none."""
    cookie = browser.client.cookies.get(settings.SESSION_COOKIE_NAME)
    store = import_module(settings.SESSION_ENGINE).SessionStore
    return store(cookie.value if cookie is not None and cookie.value else None)


def signed_in(browser: Browser) -> Any:
    """Return the user who is signed in in a browser, as the site's next page would see it, or None."""
    session = session_of(browser)
    if session.session_key is None or "_auth_user_id" not in session:
        return None
    request = HttpRequest()
    request.session = session
    user = get_user(request)
    return user if user.is_authenticated else None
