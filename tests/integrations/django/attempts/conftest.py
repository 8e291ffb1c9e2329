"""Fixtures of the reports about all attempts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest


@pytest.fixture
def report(db: None, clock: Any) -> Any:
    """Report on the last hours."""
    from stateful_oauth.django.attempts.counting import attempts_report
    from stateful_oauth.django.attempts.report import Chosen

    def make(hours: int = 2, **chosen: str) -> Any:
        now = clock.now()
        return attempts_report(Chosen(begin=now - timedelta(hours=hours), end=now, **chosen))

    return make
