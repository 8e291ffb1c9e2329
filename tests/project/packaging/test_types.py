"""Who installs the wheel gets its types: py.typed is honoured, although `stateful_oauth` is a namespace."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.project.packaging.conftest import Environment

pytestmark = pytest.mark.slow
GOOD = """
from typing import assert_type

from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.flows.error_codes import ERROR_CODES, ErrorCode
from stateful_oauth.flows.engine.outcomes import Failed, Outcome, RedirectTo
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.flows.engine.ports import Clock, TransactionStore
from stateful_oauth.flows.oauth.ports import Provider
from stateful_oauth.auth0.config import Auth0Config
from stateful_oauth.auth0.provider import Auth0Provider
from stateful_oauth.django.backends import Auth0Backend
from stateful_oauth.emulator import Tenant
from stateful_oauth.storage.apps import StorageConfig
from stateful_oauth.diagrams import render_svg

assert_type(ERROR_CODES, dict[str, ErrorCode])


def address(outcome: Outcome) -> str | None:
    return outcome.url if isinstance(outcome, RedirectTo) else None


def provider(made: Auth0Provider) -> Provider:
    return made
"""
BAD = """
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.emulator import Tenant
from stateful_oauth.storage.states import STATES

status: str = ERROR_CODES["state_missing"].status
tenant: int = Tenant()
states: int = STATES
"""


def test_the_public_names_are_typed(environment: Environment, tmp_path: Path) -> None:
    result = _mypy(environment, tmp_path, GOOD)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_wrong_use_is_noticed(environment: Environment, tmp_path: Path) -> None:
    """Were the types not read, everything would be Any, and the test above would prove nothing."""
    result = _mypy(environment, tmp_path, BAD)
    assert result.stdout.count("[assignment]") == 3, result.stdout + result.stderr


def _mypy(environment: Environment, folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    (folder / "project.py").write_text(source)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache"]
    command += ["--python-executable", str(environment.python), "project.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
