"""The World's own scenarios take every transition. Random ones come on top."""

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


def test_own_scenarios_take_every_transition_of_every_flow(capsys: pytest.CaptureFixture[str]) -> None:
    figures = prove(OurWorld, "quick", seconds=0)
    assert_every_transition(figures)
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *report(figures), ""]))


@pytest.mark.slow
def test_random_scenarios_run_every_rule_and_every_fault() -> None:
    figures = prove(OurWorld, "quick", seconds=10)
    assert_everything_happened(figures, OurWorld)
    assert figures.violations == 0
