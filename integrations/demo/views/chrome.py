"""What is on every page: where one can go, who is signed in, how far the clock was moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stateful_oauth.demo.middleware import NONCE
from stateful_oauth.demo.running import running_demo_or_none

if TYPE_CHECKING:
    from django.http import HttpRequest

_PAGES: Final = (
    ("demo:home", "/", "Home"),
    ("demo:profile", "/profile/", "Profile"),
    ("demo:accounts", "/accounts/", "Accounts"),
    ("demo:timeline", "/timeline/", "Timeline"),
    ("demo:what-if", "/what-if/", "What if"),
    ("admin:index", "/admin/", "Admin"),
)


def chrome(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the demo's frame."""
    demo = running_demo_or_none()
    return {
        "nonce": request.META.get(NONCE, ""),
        "pages": [
            {
                "view": view,
                "title": title,
                "here": request.path.startswith(path) if path != "/" else request.path == "/",
            }
            for view, path, title in _PAGES
        ],
        "minutes_ahead": round(demo.clock.ahead.total_seconds() / 60) if demo else 0,
    }
