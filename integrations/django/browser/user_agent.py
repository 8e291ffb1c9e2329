"""The browser's name, for a list of sessions that its user has to recognise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from django.http import HttpRequest

# In this order: each of them also names some of those after it.
_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def user_agent_family(request: HttpRequest) -> str:
    """Return browser and system, for example `Firefox, Linux`; empty where neither is known.

    Never the header itself, which the client chooses, and whose version identifies more than a user needs.
    """
    header = request.headers.get("User-Agent", "")
    found = (
        next((name for mark, name in _BROWSERS if mark in header), ""),
        next((name for mark, name in _SYSTEMS if mark in header), ""),
    )
    return ", ".join(filter(None, found))
