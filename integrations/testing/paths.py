"""All ways through a machine, read from the machine itself."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from stateful_oauth.flows.engine.transaction import StateKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from stateful_oauth.flows.engine.definition import Edge, FlowDefinition

    Path: TypeAlias = tuple[Edge, ...]


def every_path(flow: FlowDefinition, settled: Collection[str] = ()) -> Iterator[Path]:
    """Yield the paths from the initial state to each final state; each edge at most once, so loops too.

    Args:
        settled: Names of guards that are decided when the row is made: on one path they answer the same.
    """
    yield from _from(flow, flow.initial, (), frozenset(settled))


def _from(flow: FlowDefinition, state: str, taken: Path, settled: frozenset[str]) -> Iterator[Path]:
    if flow.state_kinds[state] is StateKind.FINAL:
        yield taken
        return
    for edge in flow.edges:
        if edge.source == state and edge not in taken and not _contradicts(edge, taken, settled):
            yield from _from(flow, edge.target, (*taken, edge), settled)


def _contradicts(edge: Edge, taken: Path, settled: frozenset[str]) -> bool:
    answers = {guard for one in taken for guard in one.guards}
    opposites = {guard.removeprefix("!") if guard.startswith("!") else f"!{guard}" for guard in edge.guards}
    return any(guard in answers for guard in opposites if guard.removeprefix("!") in settled)


def covering(paths: Sequence[Path]) -> list[Path]:
    """Choose paths, short ones first, that take every edge, and every two edges that follow each other."""
    missing = set[object]().union(*paths, *map(pairwise, paths))
    chosen = []
    by_length = sorted(paths, key=len)
    while missing:
        best = max(by_length, key=lambda path: len(missing & {*path, *pairwise(path)}))
        missing -= {*best, *pairwise(best)}
        chosen.append(best)
    return chosen


def readable(path: Path) -> str:
    """Return a path as people read it: the events, and where it ends."""
    return f"{'-'.join(edge.event for edge in path)}--{path[-1].target}"
