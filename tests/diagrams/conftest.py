"""The machines that every test of the renderers runs on."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stateful_oauth.flows.registry import built_in_machines

if TYPE_CHECKING:
    from types import ModuleType

BUILT_IN = built_in_machines()
_PATH = Path(__file__).with_name("machines.py")
_NAME = "diagram_test_machines"


def _load() -> ModuleType:
    # Test modules are not importable by name under importmode=importlib, and subprocesses need these too.
    if _NAME not in sys.modules:
        spec = importlib.util.spec_from_file_location(_NAME, _PATH)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[_NAME] = module
        spec.loader.exec_module(module)
    return sys.modules[_NAME]


@pytest.fixture(scope="session")
def machines() -> ModuleType:
    return _load()


@pytest.fixture(params=["LoopsFlow", "HostileFlow", "SmallFlow", *BUILT_IN], ids=str)
def machine(request: pytest.FixtureRequest, machines: ModuleType) -> type:
    found: type = getattr(machines, request.param) if isinstance(request.param, str) else request.param
    return found
