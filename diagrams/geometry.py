"""What a layout consists of: boxes, labels, lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from stateful_oauth.diagrams.text import duration, fit, text_width

if TYPE_CHECKING:
    from stateful_oauth.diagrams.graph import DiagramEdge, DiagramState, Origin

Point: TypeAlias = tuple[float, float]

EVENT_SIZE: Final = 12.5
GUARD_SIZE: Final = 11.0
PILL_SIZE: Final = 11.0
ICON: Final = 17.0  # an origin's icon with the gap after it
PILL_HEIGHT: Final = 22.0
_LABEL_ROOM: Final = 260.0
_PILL_PADDING: Final = 34.0  # with the icon


class Heading(StrEnum):
    """Where an arrow points."""

    DOWN = "down"
    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> float:
        """The horizontal centre."""
        return self.x + self.width / 2

    def moved(self, dx: float, dy: float) -> Box:
        """Return the same rectangle elsewhere."""
        return replace(self, x=self.x + dx, y=self.y + dy)

    def meets(self, other: Box) -> bool:
        """Whether the two overlap."""
        return (
            self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom
        )


@dataclass(frozen=True, slots=True)
class LabelText:
    """What is written on an edge, cut to size."""

    event: str
    guard: str
    pill: str
    icons: tuple[Origin, ...]

    @property
    def event_width(self) -> float:
        """The width of icons and event."""
        return len(self.icons) * ICON + text_width(self.event, EVENT_SIZE)

    @property
    def guard_width(self) -> float:
        """The width of the guard."""
        return text_width(self.guard, GUARD_SIZE)

    @property
    def pill_width(self) -> float:
        """The width of the effect's pill."""
        return text_width(self.pill, PILL_SIZE) + _PILL_PADDING if self.pill else 0.0

    @property
    def width(self) -> float:
        """The width of the widest line."""
        return max(self.event_width, self.guard_width, self.pill_width)


@dataclass(frozen=True, slots=True)
class PlacedLabel:
    """A label with a place for each of its lines.

    Attributes:
        either: Where the word stands that parts the label from the one above on the same arrow.
    """

    text: LabelText
    event: Box
    guard: Box | None
    pill: Box | None
    either: Box | None = None

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The places that are taken."""
        return tuple(box for box in (self.either, self.event, self.guard, self.pill) if box is not None)

    def moved(self, dx: float, dy: float) -> PlacedLabel:
        """Return the label elsewhere."""
        return PlacedLabel(
            self.text,
            self.event.moved(dx, dy),
            self.guard.moved(dx, dy) if self.guard else None,
            self.pill.moved(dx, dy) if self.pill else None,
            self.either.moved(dx, dy) if self.either else None,
        )


@dataclass(frozen=True, slots=True)
class PlacedState:
    """A state with its place."""

    state: DiagramState
    box: Box

    def moved(self, dx: float, dy: float) -> PlacedState:
        """Return the state elsewhere."""
        return PlacedState(self.state, self.box.moved(dx, dy))


@dataclass(frozen=True, slots=True)
class PlacedEdge:
    """An edge with its line.

    Attributes:
        lines: Polylines, each from the target back to the source: dashes that start at a shared arrowhead
            lie on each other where edges share a line.
        aside: The edge leaves the main path's column.
    """

    edge: DiagramEdge
    lines: tuple[tuple[Point, ...], ...]
    heading: Heading
    label: PlacedLabel
    aside: bool

    @property
    def tip(self) -> Point:
        """Where the arrow points at."""
        return self.lines[0][0]

    def moved(self, dx: float, dy: float) -> PlacedEdge:
        """Return the edge elsewhere."""
        lines = tuple(tuple((x + dx, y + dy) for x, y in line) for line in self.lines)
        return replace(self, lines=lines, label=self.label.moved(dx, dy))


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole diagram.

    Attributes:
        start: Where the dot of the initial state stands.
    """

    width: float
    height: float
    states: tuple[PlacedState, ...]
    edges: tuple[PlacedEdge, ...]
    start: Point


def label_text(edge: DiagramEdge, times: int = 0) -> LabelText:
    """Return what is written on an edge.

    Args:
        times: How often it was travelled; written there from two on.
    """
    pill = ""
    if edge.effect is not None:
        bound = "local" if edge.effect.is_local else f"≤ {duration(edge.effect.time_limit)}"
        space = _LABEL_ROOM - _PILL_PADDING - text_width(f" · {bound}", PILL_SIZE)
        pill = f"{fit(edge.effect.name, PILL_SIZE, space)} · {bound}"
    count = f" ({times:,} times)" if times > 1 else ""
    space = _LABEL_ROOM - len(edge.origins) * ICON - text_width(count, EVENT_SIZE)
    return LabelText(
        event=fit(edge.event, EVENT_SIZE, space) + count,
        guard=fit(f"[{edge.guard_text}]", GUARD_SIZE, _LABEL_ROOM) if edge.guards else "",
        pill=pill,
        icons=edge.origins,
    )
