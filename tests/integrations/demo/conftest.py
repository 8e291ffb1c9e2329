"""The demo, in a process of its own: its settings and the test project's cannot live in one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stateful_oauth.demo.smoke import HttpVisitor

DEMO = ["-m", "stateful_oauth.demo"]
START_LIMIT = 300  # seconds; a tenth of it is needed, and more on a busy machine


def demo_environment(**changes: str) -> dict[str, str]:
    """The environment without what the tests' own Django and earlier demos have put there."""
    ours = ("DJANGO_SETTINGS_MODULE", "STATEFUL_OAUTH_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONWARNINGS": "default", "PYTHONIOENCODING": "utf-8", **changes}


@dataclass
class RunningDemo:
    process: subprocess.Popen[str]
    welcome: str

    @property
    def site(self) -> str:
        return self._address("Demo site")

    @property
    def emulator(self) -> str:
        return self._address("Auth0 emulator")

    @property
    def data(self) -> Path:
        found = re.search(r"Database +(.+?)(?: \(removed at the end\))?\n", self.welcome)
        assert found is not None, self.welcome
        return Path(found[1])

    def stop(self) -> tuple[int, str, str]:
        """Press Ctrl-C, and return the exit code and what was printed since."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=START_LIMIT)
        return self.process.returncode, out, err

    def _address(self, name: str) -> str:
        found = re.search(rf"{name} +(\S+)/\n", self.welcome)
        assert found is not None, self.welcome
        return found[1]


def start_demo(*arguments: str, **environment: str) -> RunningDemo:
    process = subprocess.Popen(
        [sys.executable, *DEMO, *(arguments or ("--port", "0", "--emulator-port", "0"))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=demo_environment(**environment),
    )
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            return RunningDemo(process, "".join(lines))
    out, err = process.communicate(timeout=START_LIMIT)
    raise AssertionError(f"The demo did not start ({process.returncode}):\n{''.join(lines)}{out}{err}")


@pytest.fixture
def start() -> Iterator[Callable[..., RunningDemo]]:
    """Start a demo of one's own; it is stopped afterwards."""
    started: list[RunningDemo] = []

    def start(*arguments: str, **environment: str) -> RunningDemo:
        started.append(start_demo(*arguments, **environment))
        return started[-1]

    yield start
    for running in started:
        running.process.kill()
        running.process.communicate()


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a Python program in the demo's environment, to its end."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=START_LIMIT,
            check=False,
            env=demo_environment(**environment),
        )

    return run


@pytest.fixture(scope="session")
def demo() -> Iterator[RunningDemo]:
    running = start_demo()
    yield running
    code, _, err = running.stop()
    assert (code, err) == (0, "")


@pytest.fixture
def visitor(demo: RunningDemo) -> Iterator[HttpVisitor]:
    with HttpVisitor(demo.site) as visitor:
        yield visitor
