"""Where the documentation is: hints, errors and commands name its pages by URL: no wheel holds them."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from typing import Final

_DISTRIBUTION: Final = "django-stateful-oauth"


def documentation(page: str, section: str = "") -> str:
    """Return the URL of a page, or its path in the checkout where the package is not installed.

    Args:
        page: Its name without suffix: `settings`.
        section: The anchor of one of its headings: `system-checks`.
    """
    fragment = f"#{section}" if section else ""
    site = _site()
    return f"{site}{page}.html{fragment}" if site else f"docs/{page}.md{fragment}"


@cache
def _site() -> str:
    """Return `Documentation` of pyproject's `[project.urls]`, as the installed package tells it."""
    try:
        urls = metadata(_DISTRIBUTION).get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    found = dict(each.split(", ", 1) for each in urls)
    return str(found.get("Documentation", ""))
