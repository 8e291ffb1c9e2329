"""All ways through a machine, read from the machine; and, one file per flow, how each edge is taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from stateful_oauth.flows.engine.definition import Edge, FlowDefinition
from stateful_oauth.flows.engine.transaction import StateKind

Path = tuple[Edge, ...]

# What these guards ask is decided when the row is made, so on one path they always answer the same.
SETTLED_GUARDS = frozenset({"pushes_request"})


def every_path(flow: FlowDefinition) -> Iterator[Path]:
    """Yield the paths from the initial state to each final state; each edge at most once, so loops too."""
    yield from _from(flow, flow.initial, ())


def _from(flow: FlowDefinition, state: str, taken: Path) -> Iterator[Path]:
    if flow.state_kinds[state] is StateKind.FINAL:
        yield taken
        return
    for edge in flow.edges:
        if edge.source == state and edge not in taken and not _contradicts(edge, taken):
            yield from _from(flow, edge.target, (*taken, edge))


def _contradicts(edge: Edge, taken: Path) -> bool:
    answers = {guard for one in taken for guard in one.guards}
    opposites = {guard.removeprefix("!") if guard.startswith("!") else f"!{guard}" for guard in edge.guards}
    return any(guard in answers for guard in opposites if guard.removeprefix("!") in SETTLED_GUARDS)


def pairs(path: Path) -> set[tuple[Edge, Edge]]:
    """Return which edges follow each other directly."""
    return set(pairwise(path))


def covering(paths: Sequence[Path]) -> list[Path]:
    """Choose paths, short ones first, that take every edge, and every two edges that follow each other."""
    missing = set[object]().union(*paths, *map(pairs, paths))
    chosen = []
    by_length = sorted(paths, key=len)
    while missing:
        best = max(by_length, key=lambda path: len(missing & {*path, *pairs(path)}))
        missing -= {*best, *pairs(best)}
        chosen.append(best)
    return chosen


def readable(path: Path) -> str:
    """Return a path as people read it: the events, and where it ends."""
    return f"{'-'.join(edge.event for edge in path)}--{path[-1].target}"
