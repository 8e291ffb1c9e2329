"""All ways through a machine, read from the machine itself."""

from __future__ import annotations

from collections.abc import Iterator

from stateful_oauth.flows.definition import Edge, FlowDefinition
from stateful_oauth.flows.transaction import StateKind

Path = tuple[Edge, ...]


def every_path(flow: FlowDefinition) -> Iterator[Path]:
    """Yield the paths from the initial state to each final state; each edge at most once, so loops too."""
    yield from _from(flow, flow.initial, ())


def _from(flow: FlowDefinition, state: str, taken: Path) -> Iterator[Path]:
    if flow.state_kinds[state] is StateKind.FINAL:
        yield taken
        return
    for edge in flow.edges:
        if edge.source == state and edge not in taken:
            yield from _from(flow, edge.target, (*taken, edge))


def readable(path: Path) -> str:
    """Return a path as people read it: the events, and where it ends."""
    return f"{'-'.join(edge.event for edge in path)}--{path[-1].target}"
