"""A layered layout without graphviz, and the same on every machine.

The main path is one column: the states up to the first final one in the order in which the machine declares
them, so the author of a flow decides what the picture tells. States declared after that one stand below it,
the other final states in a row at the foot. An edge between neighbours runs straight down. Every other edge
leaves its state sideways in a row of its own, where its label has the place to itself, and joins a vertical
line to its target: a *rail* to a final state, a *track* to a state of the column. Rows keep labels apart from
states, lines and each other for every machine, so nothing has to be searched for or moved out of the way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from stateful_oauth.diagrams.geometry import (
    ICON,
    PILL_HEIGHT,
    Box,
    Heading,
    LabelText,
    Layout,
    PlacedEdge,
    PlacedLabel,
    PlacedState,
    Point,
    label_text,
)
from stateful_oauth.diagrams.rows import LEFT, RIGHT, Row, Side, Track, plan_rows
from stateful_oauth.diagrams.text import state_lines, state_width
from stateful_oauth.flows.engine.transaction import StateKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stateful_oauth.diagrams.graph import DiagramEdge, DiagramState, FlowGraph

_MARGIN: Final = 30.0
_STUB: Final = 13.0  # line between a state and the label on the way down
_ARROW_STUB: Final = 24.0
_EMPTY_GAP: Final = 36.0
_OR: Final = 18.0  # height of the word between two edges on one arrow
_EVENT_HEIGHT: Final = 17.0
_GUARD_HEIGHT: Final = 15.0
_LABEL_GAP: Final = 14.0  # between a state and the label beside it
_LANE: Final = 20.0
_FINAL_GAP: Final = 18.0
_FOOT: Final = 40.0


@dataclass(slots=True)
class _Column:
    """Everything while it is being placed: the column's axis is x = 0."""

    graph: FlowGraph
    spine: list[DiagramState]
    labels: Mapping[str, LabelText]
    width: float = 0.0
    boxes: dict[str, Box] = field(default_factory=dict)
    line_of: dict[int, float] = field(default_factory=dict)  # y of a row's line, by id of the row
    edges: dict[str, PlacedEdge] = field(default_factory=dict)


def lay_out(graph: FlowGraph, travelled: Mapping[str, int] | None = None) -> Layout:
    """Place every state, edge and label of a flow.

    Args:
        travelled: How often each edge was travelled, by its id: the count stands in its label.
    """
    times = travelled or {}
    goal = next((i for i, state in enumerate(graph.states) if state.is_goal), len(graph.states))
    spine = [s for i, s in enumerate(graph.states) if i <= goal or s.kind is not StateKind.FINAL]
    aside = [s for s in graph.states if s not in spine]
    column = _Column(graph, spine, {edge.id: label_text(edge, times.get(edge.id, 0)) for edge in graph.edges})
    column.width = max(state_width(state) for state in spine)
    between, rows, tracks = plan_rows(graph, spine, aside)
    foot = _place_column(column, between, rows)
    _place_final_states(column, rows, tracks, foot)
    _draw_tracks(column, rows, tracks)
    return _finish(column)


def _place_column(
    column: _Column, between: Mapping[str, list[DiagramEdge]], rows: Mapping[tuple[str, Side], list[Row]]
) -> float:
    """Stack the states, each as high as the rows beside it need, and draw the edges between neighbours."""
    y = 0.0
    for state in column.spine:
        sides = [rows.get((state.value, side), []) for side in (LEFT, RIGHT)]
        needed = [sum(row.height(column.labels) for row in side) for side in sides]
        box = Box(-column.width / 2, y, column.width, max(_state_height(state), *(n + 10 for n in needed)))
        column.boxes[state.value] = box
        for side, height in zip(sides, needed, strict=True):
            top = box.y + (box.height - height) // 2
            for row in side:
                column.line_of[id(row)] = top + row.above(column.labels)
                top += row.height(column.labels)
        y = box.bottom + _gap(column, between.get(state.value, []))
    for upper, lower in pairwise(column.spine):
        _draw_between(column, upper, lower, between.get(upper.value, []))
    return column.boxes[column.spine[-1].value].bottom


def _state_height(state: DiagramState) -> float:
    return 36.0 + 17.0 * len(state_lines(state))


def _gap(column: _Column, edges: Iterable[DiagramEdge]) -> float:
    heights = [_stacked_height(column.labels[edge.id]) for edge in edges]
    return _STUB + sum(heights) + _OR * (len(heights) - 1) + _ARROW_STUB if heights else _EMPTY_GAP


def _stacked_height(text: LabelText) -> float:
    return _EVENT_HEIGHT + (_GUARD_HEIGHT if text.guard else 0) + (PILL_HEIGHT + 3 if text.pill else 0)


def _draw_between(
    column: _Column, upper: DiagramState, lower: DiagramState, edges: list[DiagramEdge]
) -> None:
    """Draw one arrow for all edges between two neighbours, with their labels stacked on it."""
    if not edges:
        return
    top, bottom = column.boxes[upper.value].bottom, column.boxes[lower.value].y
    lines: tuple[tuple[Point, ...], ...] = (
        ((0.0, bottom), (0.0, bottom - _ARROW_STUB + 3)),
        ((0.0, top + _STUB - 3), (0.0, top)),
    )
    y = top + _STUB
    for edge in edges:
        text = column.labels[edge.id]
        label = _stacked(text, y, first=edge is edges[0])
        column.edges[edge.id] = PlacedEdge(edge, lines, Heading.DOWN, label, aside=False)
        y += _stacked_height(text) + _OR


def _stacked(text: LabelText, y: float, *, first: bool) -> PlacedLabel:
    # Icons hang to the left, so that the words are what stands on the axis; half of them, for balance.
    event = Box(-text.event_width / 2 - ICON / 4, y, text.event_width, _EVENT_HEIGHT)
    y += _EVENT_HEIGHT
    guard = None
    if text.guard:
        guard = Box(-text.guard_width / 2, y, text.guard_width, _GUARD_HEIGHT)
        y += _GUARD_HEIGHT
    pill = Box(-text.pill_width / 2, y + 3, text.pill_width, PILL_HEIGHT) if text.pill else None
    either = None if first else Box(-8, event.y - _OR + 2, 16, _OR - 4)
    return PlacedLabel(text, event, guard, pill, either)


def _beside(text: LabelText, box: Box, side: Side, y: float) -> PlacedLabel:
    """Place a label on the horizontal line at `y`, next to the state."""

    def left(width: float) -> float:
        return box.right + _LABEL_GAP if side is RIGHT else box.x - _LABEL_GAP - width

    clear = PILL_HEIGHT / 2 if text.pill else 0.0
    event = Box(left(text.event_width), y - clear - 3 - _EVENT_HEIGHT, text.event_width, _EVENT_HEIGHT)
    guard = (
        Box(left(text.guard_width), y + clear + 2, text.guard_width, _GUARD_HEIGHT) if text.guard else None
    )
    pill = (
        Box(left(text.pill_width), y - PILL_HEIGHT / 2, text.pill_width, PILL_HEIGHT) if text.pill else None
    )
    return PlacedLabel(text, event, guard, pill)


def _around_pill(line: tuple[Point, ...], label: PlacedLabel) -> tuple[tuple[Point, ...], ...]:
    """Cut the line where the pill stands on it: a faded pill must not show it."""
    if label.pill is None:
        return (line,)
    *outer, start = line
    near, far = sorted((label.pill.x, label.pill.right), key=lambda x: abs(x - start[0]))
    return (*outer, (far, start[1])), ((near, start[1]), start)


def _label_room(column: _Column, rows: Mapping[tuple[str, Side], list[Row]], side: Side) -> float:
    widths = [
        column.labels[row.edge.id].width
        for (_, at), found in rows.items()
        if at is side
        for row in found
        if row.edge is not None
    ]
    return column.width / 2 + (math.ceil(max(widths)) + 2 * _LABEL_GAP if widths else _LANE)


def _lanes(column: _Column, tracks: list[Track], side: Side) -> dict[int, int]:
    """Give tracks that run side by side a lane each; short ones inside."""

    def span(track: Track) -> tuple[float, float]:
        ys = [column.line_of[id(row)] for row in (track.entry, *track.exits)]
        return min(ys), max(ys)

    taken: list[list[tuple[float, float]]] = []
    lane_of: dict[int, int] = {}
    own = [(position, track) for position, track in enumerate(tracks) if track.side is side]
    own.sort(key=lambda item: (span(item[1])[1] - span(item[1])[0], item[0]))
    for position, track in own:
        low, high = span(track)
        lane = next(
            (i for i, used in enumerate(taken) if all(high < a or b < low for a, b in used)), len(taken)
        )
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        lane_of[position] = lane
    return lane_of


def _place_final_states(
    column: _Column, rows: Mapping[tuple[str, Side], list[Row]], tracks: list[Track], foot: float
) -> None:
    """Put the other final states in a row at the foot, each under its rail, and draw the edges to them."""
    last = column.spine[-1]
    beside_goal = last.kind is StateKind.FINAL
    for side in (LEFT, RIGHT):
        lanes = len(set(_lanes(column, tracks, side).values()))
        nearest = _label_room(column, rows, side) + lanes * _LANE
        edge_of_last = column.width / 2 + _FINAL_GAP if beside_goal else 0.0
        if beside_goal and rows.get((last.value, side)):
            edge_of_last = nearest  # a track arrives there, and must not run through its neighbour
        for target in _rails(rows, side):
            state = column.graph.state(target)
            width, height = state_width(state), _state_height(state)
            x = max(nearest, edge_of_last + width / 2)
            y = column.boxes[last.value].y if beside_goal else foot + _FOOT
            column.boxes[target] = Box(side.sign * x - width / 2, y, width, height)
            nearest, edge_of_last = x + _LANE, x + width / 2 + _FINAL_GAP
    for (source, side), found in rows.items():
        for row in found:
            if row.edge is None or row.edge.target not in column.boxes or row.track:
                continue
            y, box, target_box = column.line_of[id(row)], column.boxes[source], column.boxes[row.edge.target]
            start = box.right if side is RIGHT else box.x
            line = ((target_box.middle, target_box.y), (target_box.middle, y), (start, y))
            label = _beside(column.labels[row.edge.id], box, side, y)
            lines = _around_pill(line, label)
            column.edges[row.edge.id] = PlacedEdge(row.edge, lines, Heading.DOWN, label, aside=True)


def _rails(rows: Mapping[tuple[str, Side], list[Row]], side: Side) -> list[str]:
    """Return the final states at this side, the innermost first."""
    rank = {
        row.edge.target: row.rank
        for (_, at), found in rows.items()
        if at is side
        for row in found
        if row.edge is not None and not row.track
    }
    return sorted(rank, key=lambda target: rank[target])


def _draw_tracks(column: _Column, rows: Mapping[tuple[str, Side], list[Row]], tracks: list[Track]) -> None:
    for side in (LEFT, RIGHT):
        lane_of = _lanes(column, tracks, side)
        for position, lane in lane_of.items():
            track = tracks[position]
            x = side.sign * (_label_room(column, rows, side) + lane * _LANE)
            y_in, box_in = column.line_of[id(track.entry)], column.boxes[track.target]
            end = box_in.right if side is RIGHT else box_in.x
            for row in track.exits:
                if row.edge is None:
                    continue
                y, box = column.line_of[id(row)], column.boxes[row.edge.source]
                start = box.right if side is RIGHT else box.x
                line = ((end, y_in), (x, y_in), (x, y), (start, y))
                label = _beside(column.labels[row.edge.id], box, side, y)
                heading = Heading.LEFT if side is RIGHT else Heading.RIGHT
                lines = _around_pill(line, label)
                column.edges[row.edge.id] = PlacedEdge(row.edge, lines, heading, label, aside=True)


def _finish(column: _Column) -> Layout:
    """Move everything into the quadrant that an image has."""
    xs = [x for edge in column.edges.values() for line in edge.lines for x, _ in line]
    boxes = [*column.boxes.values(), *(b for e in column.edges.values() for b in e.label.boxes)]
    low = min([*xs, *(box.x for box in boxes)])
    high = max([*xs, *(box.right for box in boxes)])
    dx, dy = float(math.ceil(_MARGIN - low)), _ARROW_STUB + 8
    states = tuple(
        PlacedState(state, column.boxes[state.value]).moved(dx, dy) for state in column.graph.states
    )
    edges = tuple(column.edges[edge.id].moved(dx, dy) for edge in column.graph.edges)
    height = max(placed.box.bottom for placed in states)
    first = next(placed.box for placed in states if placed.state.is_initial)
    return Layout(round(high - low + 2 * _MARGIN, 1), height, states, edges, (first.middle, first.y))
