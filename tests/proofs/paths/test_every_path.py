"""Every path of every machine, driven through the real engine, store and tenant.

The log of each path is compared with the path, so an edge that is on one of them was really taken. A walk
also holds what the database says against the tenant's ledger; see `tests/support/paths/`.
"""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.flows.registry import BUILT_IN
from stateful_oauth.testing.paths import covering, readable
from tests.support import rows
from tests.support.accounts_site import prepare
from tests.support.paths.walker import BrowserWalker


def walker_of(kind: str) -> type[BrowserWalker]:
    """The walker of a flow is in `tests/support/paths/<kind>.py`."""
    module = import_module(f"tests.support.paths.{kind}")
    (walker,) = (
        each for each in vars(module).values() if isinstance(each, type) and vars(each).get("kind") == kind
    )
    return walker


WALKERS = {flow.kind: walker_of(flow.kind) for flow in BUILT_IN}
PATHS = {kind: walker.paths() for kind, walker in WALKERS.items()}
COVERING = {kind: {readable(path) for path in covering(paths)} for kind, paths in PATHS.items()}
# SQLite takes all of them. PostgreSQL takes every edge, and every two edges that follow each other.
CASES = [
    pytest.param(
        kind,
        path,
        id=f"{kind}-{readable(path)}",
        marks=[pytest.mark.database] if readable(path) in COVERING[kind] else [pytest.mark.slow],
    )
    for kind, paths in PATHS.items()
    for path in paths
]
MOST_PATHS = 1000  # about a tenth of a second each


def test_every_flow_has_a_walker_of_its_paths():
    assert set(WALKERS) == {flow.kind for flow in wiring.flows()}


@pytest.mark.parametrize("kind", WALKERS)
def test_no_edge_of_the_machine_is_left_out(kind):
    flow = wiring.flows()[kind]
    travelled = {edge for path in PATHS[kind] for edge in path}
    never = [f"{edge.source} --{edge.event}--> {edge.target}" for edge in flow.edges if edge not in travelled]
    assert not never, f"No path takes {never}: they cannot be reached, or lead nowhere."
    unknown = [edge for edge in flow.edges if not WALKERS[kind].knows(edge)]
    assert not unknown, f"tests/support/paths/{kind}.py does not know how to make these happen: {unknown}"


@pytest.mark.parametrize("kind", WALKERS)
def test_every_final_state_is_the_end_of_a_path(kind):
    ends = {path[-1].target for path in PATHS[kind]}
    kinds = wiring.flows()[kind].state_kinds
    assert ends == {state for state, kind_of_state in kinds.items() if kind_of_state == "final"}


@pytest.mark.parametrize("kind", WALKERS)
def test_what_covers_a_machine_takes_every_edge_and_every_two_that_follow_each_other(kind):
    chosen = [path for path in PATHS[kind] if readable(path) in COVERING[kind]]
    assert {edge for path in chosen for edge in path} == set(wiring.flows()[kind].edges)
    assert {pair for path in chosen for pair in pairwise(path)} == {
        pair for path in PATHS[kind] for pair in pairwise(path)
    }


def test_there_are_not_too_many_paths():
    """A machine with many loops has more paths than anybody waits for: choose another bound then."""
    numbers = {kind: len(paths) for kind, paths in PATHS.items()}
    assert sum(numbers.values()) <= MOST_PATHS, numbers


@pytest.mark.parametrize(("kind", "path"), CASES)
def test_a_path_of_a_flow_ends_in_its_final_state(kind, path, tenant, clock, browser, record_property):
    walker = WALKERS[kind](prepare(tenant), clock, browser)
    walker.walk(path)

    row = walker.row()
    record_property("taken", [kind, *rows.steps(row.pk)])
    rows.check_rows()
    rows.nothing_working()
    assert row.state == path[-1].target
    assert (row.secrets, row.deadline, row.lease_until) == (None, None, None)
    assert set(row.inputs) <= set(wiring.flows()[kind].machine.inputs_kept_in(row.state))
