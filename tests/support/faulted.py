"""A journey with a fault on its way, and what has to be true afterwards."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, Literal

from django.db import close_old_connections

from stateful_oauth.emulator import Tenant
from stateful_oauth.testing.clock import ManualClock
from tests.support.error_pages import ERROR_PATH
from tests.support.journeys import JOURNEYS, Journey, NotAvailable
from tests.support.recovering import recover_all
from tests.support.rows import check_rows
from tests.support.verdict import violations

Afterwards = Literal["the person leaves", "the person reloads"]
# By turns, from one place of a journey to the next: to try both at each would take twice as long.
AFTERWARDS: tuple[Afterwards, ...] = ("the person leaves", "the person reloads")

# Pages, redirects, a page that follows, a form whose object is gone, and the page of a missing database; the
# pages of error codes have statuses of their own.
_CLEAR = {200, 202, 302, 303, 404, 503}


def prepared(name: str, tenant: Tenant, clock: ManualClock) -> Journey:
    """Return a journey that is about to begin."""
    journey = JOURNEYS[name](tenant, clock)
    journey.prepare()
    journey.browser.answers.clear()
    return journey


def survives(
    journey: Journey,
    fault: AbstractContextManager[Any],
    afterwards: Afterwards,
    *,
    repair: Callable[[], object] = int,
) -> bool:
    """Travel with a fault on the way; recover; compare with the ledger; travel to the end; compare again.

    Args:
        repair: Mends what is broken still when the person reloads, or has left.

    Returns:
        Whether the person saw the page of a missing database.
    """
    journey.browser.reloads = afterwards == "the person reloads"
    journey.browser.before_reloading = repair
    with fault, suppress(NotAvailable):
        journey.travel()
    close_old_connections()
    check_rows()
    repair()
    _agrees(journey, "after the fault")
    journey.finish()
    _agrees(journey, "in the end")
    return 503 in [status for status, _ in journey.browser.answers]


def _agrees(journey: Journey, when: str) -> None:
    answers = journey.browser.answers
    recover_all(journey.clock.advance)
    found = violations(journey.tenant)
    assert not found, f"{journey.name}, {when}: {found} {answers}"
    unclear = [answer for answer in answers if answer[0] not in _CLEAR and f" {ERROR_PATH}" not in answer[1]]
    assert not unclear, f"{journey.name}, {when}: no clear page: {unclear} {answers}"
