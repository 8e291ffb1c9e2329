"""Circuit breakers, told: in the log, and in the cache for the processes that did not see it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from django.core.cache import cache

from stateful_oauth.django.conf import conf

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.admission import Suspension

logger = logging.getLogger("stateful_oauth.engine")

_KEY: Final = "stateful_oauth.suspensions.{}"
_KEPT: Final = 120  # seconds; longer than the longest pause


def note_suspension(suspension: Suspension) -> None:
    """Log that calls are held back, or let through again, and leave a note for `flows_doctor`."""
    if suspension.until is None:
        logger.warning("calls of %s at %s answer again", suspension.effect, suspension.tenant)
    else:
        logger.error(
            "%d calls of %s at %s failed in a row: the next ones are held back until %s",
            suspension.failures,
            suspension.effect,
            suspension.tenant,
            suspension.until.isoformat(timespec="seconds"),
        )
    try:
        noted: dict[str, Any] = cache.get(_KEY.format(suspension.tenant)) or {}
        if suspension.until is None:
            noted.pop(suspension.effect, None)
        else:
            noted[suspension.effect] = (suspension.failures, suspension.until)
        cache.set(_KEY.format(suspension.tenant), noted, timeout=_KEPT)
    except Exception as error:  # noqa: BLE001 - whatever the client of the project's cache raises
        logger.warning("a circuit breaker's state could not be noted: %s", type(error).__name__)


def noted_suspensions() -> list[tuple[str, str, int, Any]]:
    """Return tenant, effect, failures in a row and the time of the next probe, of all processes.

    Where the processes share no cache, these are the notes of this process.
    """
    return [
        (tenant, effect, failures, until)
        for tenant in conf.tenant_aliases
        for effect, (failures, until) in (cache.get(_KEY.format(tenant)) or {}).items()
    ]
