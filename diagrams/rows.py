"""Which side of the column an edge leaves, and in which order the edges leave a state.

The orders keep crossings few: of two edges that leave one state, the one that goes further out leaves higher.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from stateful_oauth.diagrams.geometry import PILL_HEIGHT
from stateful_oauth.diagrams.graph import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.diagrams.geometry import LabelText
    from stateful_oauth.diagrams.graph import DiagramEdge, DiagramState, FlowGraph

_ABOVE: Final = 24.0
_BELOW: Final = 5.0
_BELOW_GUARD: Final = 19.0
_ENTRY: Final = 12.0  # above and below the line of an edge that arrives


class Side(IntEnum):
    """A side of the column; the value is the sign of x there."""

    LEFT = -1
    RIGHT = 1

    @property
    def sign(self) -> int:
        """The sign of x."""
        return int(self)


LEFT: Final = Side.LEFT
RIGHT: Final = Side.RIGHT


@dataclass(eq=False, slots=True)
class Row:
    """A horizontal line beside a state: an edge that leaves, or, without an edge, a track that arrives.

    Attributes:
        track: The line belongs to a track, not to a rail.
        order: Position beside the state, from the top.
        rank: Position of a rail, from the inside.
    """

    edge: DiagramEdge | None
    track: bool
    order: tuple[int, int] = (0, 0)
    rank: int = 0

    def above(self, labels: Mapping[str, LabelText]) -> float:
        """Return the height that is needed over the line."""
        if self.edge is None:
            return _ENTRY
        return _ABOVE + (PILL_HEIGHT / 2 if labels[self.edge.id].pill else 0)

    def height(self, labels: Mapping[str, LabelText]) -> float:
        """Return the height of the whole row."""
        if self.edge is None:
            return 2 * _ENTRY
        text = labels[self.edge.id]
        below = (_BELOW_GUARD if text.guard else _BELOW) + (PILL_HEIGHT / 2 if text.pill else 0)
        return self.above(labels) + below


@dataclass(slots=True)
class Track:
    """A vertical line that brings edges to a state of the column from one direction."""

    target: str
    side: Side
    entry: Row
    exits: list[Row] = field(default_factory=list)


Rows: TypeAlias = dict[tuple[str, Side], list[Row]]


def plan_rows(
    graph: FlowGraph, spine: list[DiagramState], aside: list[DiagramState]
) -> tuple[dict[str, list[DiagramEdge]], Rows, list[Track]]:
    """Sort the edges into those between neighbours, rails and tracks.

    Returns:
        Edges between a state and the next, by source; rows by state and side, from the top; tracks.
    """
    position = {state.value: index for index, state in enumerate(spine)}
    between: dict[str, list[DiagramEdge]] = {}
    to_final: list[DiagramEdge] = []
    others: list[DiagramEdge] = []
    for edge in graph.edges:
        if edge.target not in position:
            to_final.append(edge)
        elif position[edge.target] == position[edge.source] + 1:
            between.setdefault(edge.source, []).append(edge)
        else:
            others.append(edge)
    rows: Rows = {}
    _plan_rails(rows, to_final, aside, position)
    tracks = _plan_tracks(rows, others, position)
    for found in rows.values():
        found.sort(key=lambda row: row.order)
    return between, rows, tracks


def _plan_rails(
    rows: Rows, edges: list[DiagramEdge], aside: list[DiagramState], position: Mapping[str, int]
) -> None:
    """Give each final state a side: what a provider's answer can lead to is left, the rest is right."""
    for side in (LEFT, RIGHT):
        arriving = {state.value: [edge for edge in edges if edge.target == state.value] for state in aside}
        own = [
            state.value
            for state in aside
            if any(Origin.EFFECT in edge.origins for edge in arriving[state.value]) is (side is LEFT)
        ]
        # The rail that begins lowest is innermost: further up it crosses no other.
        own.sort(key=lambda value: -min((position[edge.source] for edge in arriving[value]), default=0))
        for rank, value in enumerate(own):
            for edge in arriving[value]:
                row = Row(edge, track=False, order=(2, -rank), rank=rank)
                rows.setdefault((edge.source, side), []).append(row)


def _plan_tracks(rows: Rows, edges: list[DiagramEdge], position: Mapping[str, int]) -> list[Track]:
    """Bundle the edges to a state by direction; every edge from a state to itself is a bundle."""
    bundles: dict[tuple[str, str], list[DiagramEdge]] = {}
    for edge in edges:
        here, there = position[edge.source], position[edge.target]
        key = edge.id if here == there else "from above" if here < there else "from below"
        bundles.setdefault((edge.target, key), []).append(edge)
    tracks: list[Track] = []
    for (target, direction), members in bundles.items():
        places = [position[edge.source] for edge in members] + [position[target]]
        side = _quieter_side(rows, tracks, members, range(min(places), max(places) + 1), position)
        from_above, from_below = direction == "from above", direction == "from below"
        entry_order = 0 if from_above else 5 if from_below else 4
        exit_order = 3 if from_above else 1 if from_below else 4
        loops = 2 * len(tracks)  # the line out and the line in of a loop stay together
        entry = Row(None, track=True, order=(entry_order, loops + 1))
        track = Track(target, side, entry)
        rows.setdefault((target, side), []).append(entry)
        for edge in members:
            row = Row(edge, track=True, order=(exit_order, loops))
            track.exits.append(row)
            rows.setdefault((edge.source, side), []).append(row)
        tracks.append(track)
    return tracks


def _quieter_side(
    rows: Rows,
    tracks: list[Track],
    members: list[DiagramEdge],
    span: range,
    position: Mapping[str, int],
) -> Side:
    def noise(side: Side) -> int:
        beside = sum(len(rows.get((edge.source, side), [])) for edge in members)
        beside += len(rows.get((members[0].target, side), []))
        parallel = sum(
            1
            for track in tracks
            if track.side is side
            and any(position[row.edge.source] in span for row in track.exits if row.edge is not None)
        )
        return beside + 2 * parallel

    return LEFT if noise(LEFT) < noise(RIGHT) else RIGHT
