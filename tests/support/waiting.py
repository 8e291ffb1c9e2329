"""A browser that waits: it follows the progress page for as long as somebody would."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from stateful_oauth.testing.browser import Browser

LOOKS = 400


def waited(browser: Browser, response: HttpResponse, clock: Any) -> HttpResponse:
    """Follow progress pages as their Refresh header asks; return what comes after, or the last of them."""
    for _ in range(LOOKS):
        if "/auth/progress/" in response.get("Location", ""):
            address = response["Location"]
        elif response.status_code == 202:
            clock.advance(int(response["Refresh"]))
        else:
            return response
        response = browser.get(address)
    return response
