"""Fixtures of the fuzz: the same draws every time, unless `--fuzz-seed` and `--fuzz-rounds` say otherwise."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Draws of this test's own, so that one test alone draws the same as in the whole run."""
    return random.Random(f"{request.config.getoption('--fuzz-seed')} {request.node.nodeid}")


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Callable[[int], range]:
    """How often: the test's own number, times `--fuzz-rounds`."""
    factor = request.config.getoption("--fuzz-rounds")
    return lambda number: range(int(number * factor))
