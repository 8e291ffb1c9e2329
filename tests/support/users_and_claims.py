"""What tests of users and their claims share."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.auth import get_user_model

from stateful_oauth.storage.models import TransitionRecord
from stateful_oauth.testing.browser import Browser

ADA: Final = "ada@example.com"
CLAIM: Final = "https://example.com/roles"


def user_of(browser: Browser) -> Any:
    return get_user_model().objects.get(pk=browser.user_id)


def notes() -> list[str]:
    """Return what the log says of each sign-in, the oldest first."""
    lines = TransitionRecord.objects.filter(event="account_resolved").order_by("at")
    return list(lines.values_list("detail", flat=True))


def last_note() -> str:
    """Return what the log says of the last sign-in."""
    return notes()[-1]
