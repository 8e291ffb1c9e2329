"""A plugin of pytest: what a run took, beside its budget.

`--budget 190` is in seconds on two quiet cores. With `ENFORCE_BUDGET` in the
environment, as in `.ci/run`, a run over its budget fails.
On a busy machine the wall clock says nothing about the tests: a run is over its budget only if its processor
time is, too, and a quiet run keeps two cores busy for four fifths of the time.
"""

from __future__ import annotations

import os
import time

import pytest

_BUSY = 2 * 0.8  # processor seconds per second of a quiet run


def spent(wall: float, processor: float) -> float:
    """Return what the run would have taken on two quiet cores, in seconds."""
    return min(wall, processor / _BUSY)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--budget", type=float, help="seconds that the run may take on two quiet cores")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--budget") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Budget(config.getoption("--budget")), "budget")


class _Budget:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._started = time.monotonic()
        self._line = ""

    @pytest.hookimpl(trylast=True)  # the workers have ended by then, and their time counts
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        times = os.times()
        processor = times.user + times.system + times.children_user + times.children_system
        wall = time.monotonic() - self._started
        found = spent(wall, processor)
        took = f"{wall:.0f} s by the clock, {processor:.0f} s of processors"
        self._line = f"budget: {found:.0f} of {self.seconds:.0f} s ({took})"
        if found > self.seconds:
            self._line += " - over budget"
            if os.environ.get("ENFORCE_BUDGET") and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(self._line)
