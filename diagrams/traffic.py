"""A flow as many attempts travelled it: edges as wide as they were taken, and states with their numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from stateful_oauth.diagrams.graph import read_graph
from stateful_oauth.diagrams.style import WIDEST
from stateful_oauth.diagrams.svg import draw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.diagrams.graph import DiagramEdge, DiagramState, Drawable

_MOST_CODES = 2  # written beside an edge; the rest as a number


@dataclass(frozen=True, slots=True)
class Traffic:
    """What happened in a span of time.

    Attributes:
        taken: How often each edge was taken, by its id (see `edge_id`).
        codes: How often each error code came with an edge, by the edge's id.
        notes: Lines under a state's name, by the state: for example how many attempts are in it.
    """

    taken: Mapping[str, int]
    codes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def render_traffic(flow: Drawable, traffic: Traffic, *, embed_style: bool = True) -> str:
    """Draw a flow as many attempts travelled it.

    Args:
        flow: A machine, or its definition.
        traffic: Ids and states that the flow does not have, of an older version for instance, are passed
            over.
        embed_style: As for `render_svg`.

    Returns:
        An SVG document, as `render_svg` returns it.
    """
    graph = read_graph(flow)
    graph = replace(
        graph,
        states=tuple(_with_notes(state, traffic) for state in graph.states),
        edges=tuple(_with_codes(edge, traffic) for edge in graph.edges),
    )
    marked = {edge.id: traffic.taken[edge.id] for edge in graph.edges if traffic.taken.get(edge.id)}
    most = max(marked.values(), default=1)
    return draw(
        graph,
        marked,
        widths={each: _width(number, most) for each, number in marked.items()},
        embed_style=embed_style,
    )


def _width(number: int, most: int) -> int:
    """Return a width by the root of the share: one attempt in a hundred is still seen."""
    return max(1, round(WIDEST * math.sqrt(number / most)))


def _with_notes(state: DiagramState, traffic: Traffic) -> DiagramState:
    return replace(state, notes=tuple(traffic.notes.get(state.value, ())))


def _with_codes(edge: DiagramEdge, traffic: Traffic) -> DiagramEdge:
    """Write codes where guards stand otherwise: why attempts went there, instead of when they may."""
    found = sorted(traffic.codes.get(edge.id, {}).items(), key=lambda each: (-each[1], each[0]))
    shown = [f"{code} {number:,}" for code, number in found[:_MOST_CODES]]
    rest = sum(number for _, number in found[_MOST_CODES:])
    guards = (", ".join([*shown, *([f"others {rest:,}"] if rest else [])]),) if shown else ()
    return replace(edge, guards=guards)
