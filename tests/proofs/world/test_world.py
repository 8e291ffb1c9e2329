"""The World, as `make test` has it: every transition of every flow, and what chance finds besides."""

from __future__ import annotations

import sys

import pytest

from stateful_oauth.testing.world import (
    assert_every_transition,
    assert_everything_happened,
    prove,
    report,
)
from tests.support.our_world import OurWorld

pytestmark = pytest.mark.django_db(transaction=True)
# Processor seconds for each of the two. The corpus alone takes every transition; `.ci/run` draws for longer.
DRAWN = 2.5


def test_every_transition_of_every_flow(capsys: pytest.CaptureFixture[str]) -> None:
    figures = prove(OurWorld, "quick", seconds=DRAWN, seed_step=2)
    assert_every_transition(figures)
    assert_everything_happened(figures, OurWorld)
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *report(figures), ""]))


def test_other_scenarios() -> None:
    """The same again with other seeds, so that two cores have something to do."""
    figures = prove(OurWorld, "quick", seconds=DRAWN, first_seed=1, seed_step=2, with_corpus=False)
    assert figures.violations == 0
    assert figures.scenarios > 1
