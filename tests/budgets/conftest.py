"""Fixtures of the budgets: what is counted happens on the test's own connection."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_effect_has_a_thread_of_its_own(settings: Any) -> None:
    """Statements of an effect are counted on this connection: another thread would have another one."""
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "ANSWER_WITHIN": 0}
