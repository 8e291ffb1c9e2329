"""Scenarios in which everything that can go wrong does so once: where chance would have to be lucky."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.engine.crash_points import CRASH_POINTS
from stateful_oauth.testing.world.configuration import Configuration
from stateful_oauth.testing.world.faults import (
    FAILURES,
    MEANWHILE,
    CallFails,
    Meanwhile,
    WorkerDies,
    WorkerStalls,
)
from stateful_oauth.testing.world.passing_time import AROUND
from stateful_oauth.testing.world.strategies import CALLBACK_CHANGES
from stateful_oauth.testing.world.trace import Step, step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stateful_oauth.testing.world.faults import Fault

_ADA, _XPTO = 0, 2
_SITE: Final = step(
    "settle_in",
    configuration=Configuration(
        linking="off", par=False, rotation=False, scope="openid profile email offline_access"
    ),
)
_TAB: Final = (step("start_sign_in", browser=0), step("authorize", tab=0, account=_XPTO))
_LATER: Final = (step("wait", seconds=0), step("sweep"))


def _at_a_crash_point(point: str, fault: Fault) -> tuple[Step, ...]:
    """Have something happen at a crash point: of a start, of a callback, or of a refresh."""
    if point.startswith("start"):
        return (_SITE, step("start_sign_in", browser=0, faults=(fault,)), *_LATER)
    if point.startswith("refresh"):
        using = step("use_grant", browser=0, what="accounts", faults=(fault,))
        return (_SITE, step("sign_in", browser=0, account=_XPTO), using, *_LATER)
    return (_SITE, step("sign_in", browser=0, account=_ADA, faults=(fault,)), *_LATER)


def _scenarios() -> Iterator[tuple[str, tuple[Step, ...]]]:
    for how in FAILURES:
        faults: tuple[Fault, ...] = (CallFails(0, how, "/oauth/token"),)
        yield f"a call fails: {how}", (_SITE, step("sign_in", browser=0, account=_ADA, faults=faults))
    for point in CRASH_POINTS:
        yield f"the worker dies at {point}", _at_a_crash_point(point, WorkerDies(point))
        yield f"the worker stands still at {point}", _at_a_crash_point(point, WorkerStalls(point))
    for what in MEANWHILE:
        faults = (Meanwhile("effect.after", 0, what),)
        yield f"meanwhile: {what}", (_SITE, *_TAB, step("sign_in", browser=0, account=_XPTO, faults=faults))
    for change in CALLBACK_CHANGES:
        opened = step("open_callback", tab=0, change=change, browser=None, faults=())
        yield f"a callback is changed: {change}", (_SITE, *_TAB, *_TAB, opened)
    for what in AROUND:
        changed = step("change", what=what, browser=0)
        yield f"around the site: {what}", (_SITE, changed, step("sign_in", browser=0, account=_ADA), changed)


FAULT_SCENARIOS: Final[Mapping[str, tuple[Step, ...]]] = dict(_scenarios())
