"""A flow as SVG: an element with an id for every state and every edge, no scripts, nothing from outside."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import quoteattr

from stateful_oauth.diagrams.drawing import EFFECT_ICON, KIND_ICONS, ORIGIN_ICONS, arrow, n, open_svg, xml
from stateful_oauth.diagrams.geometry import EVENT_SIZE, ICON, Box, Heading
from stateful_oauth.diagrams.graph import identifier, read_graph
from stateful_oauth.diagrams.layout import lay_out
from stateful_oauth.diagrams.legend import legend
from stateful_oauth.diagrams.style import SCOPE, stylesheet
from stateful_oauth.diagrams.text import (
    LINE_SIZE,
    STATE_ICON,
    edge_sentence,
    fit,
    state_lines,
    state_name,
    state_sentence,
    text_width,
)
from stateful_oauth.flows.engine.transaction import StateKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stateful_oauth.diagrams.geometry import Layout, PlacedEdge, PlacedLabel, PlacedState, Point
    from stateful_oauth.diagrams.graph import Drawable, FlowGraph

_HEADER: Final = 84.0
_LEAST_WIDTH: Final = 660.0
_MARGIN: Final = 30.0
_CORNER: Final = 9.0


def render_svg(
    flow: Drawable,
    *,
    travelled: Iterable[str] = (),
    current: str | None = None,
    style_nonce: str = "",
    embed_style: bool = True,
) -> str:
    """Draw a flow.

    Args:
        flow: A machine, or its definition.
        travelled: Ids of edges to mark, as `edge_id` makes them from the log of a transaction, one for each
            time. Ids that the flow does not have, of an older version for instance, are passed over.
        current: The state to mark.
        style_nonce: The nonce of the page's Content-Security-Policy, where the SVG stands inside a page.
        embed_style: Whether the style sheet stands in the SVG. Without it the page has to have one, see
            `page_stylesheet`.

    Returns:
        The document, without an XML declaration, so that it can stand inside a page too.
    """
    graph = read_graph(flow)
    known = {edge.id for edge in graph.edges}
    marked = Counter(edge for edge in travelled if edge in known)
    return draw(graph, marked, current=current, style_nonce=style_nonce, embed_style=embed_style)


def draw(
    graph: FlowGraph,
    marked: Mapping[str, int],
    *,
    current: str | None = None,
    widths: Mapping[str, int] | None = None,
    style_nonce: str = "",
    embed_style: bool = True,
) -> str:
    """Draw a graph; arguments as for `render_svg`.

    Args:
        marked: How often each edge was travelled, by id.
        widths: How wide to draw an edge, by id: from 1 to `WIDEST`.
    """
    widths = widths or {}
    layout = lay_out(graph, marked)
    passed = {value for e in graph.edges if e.id in marked for value in (e.source, e.target)}
    width = max(layout.width, _LEAST_WIDTH)
    shift = round((width - layout.width) / 2)
    legend_lines, legend_height = legend(graph, width - 2 * _MARGIN)
    body_bottom = _HEADER + layout.height + 34
    height = body_bottom + legend_height + 22
    prefix = identifier(graph.kind)
    classes = f"{SCOPE} marked" if marked or current is not None else SCOPE
    nonce = f" nonce={quoteattr(style_nonce)}" if style_nonce else ""
    main = graph.main_path
    # What was travelled is drawn last: it has to lie on top where edges share a line.
    edges = sorted(layout.edges, key=lambda placed: (placed.edge.id in marked, placed.edge.id in main))
    lines = [
        *open_svg(
            prefix,
            classes,
            title=f"{graph.kind} flow",
            desc=_description(graph, marked, current),
            size=(width, height),
        ),
        *([f"<style{nonce}>\n{stylesheet(with_widths=bool(widths))}</style>"] if embed_style else []),
        f'<rect class="paper" x=".5" y=".5" width="{n(width - 1)}" height="{n(height - 1)}" rx="12"/>',
        *_header(graph, width),
        f'<g transform="translate({n(shift)} {n(_HEADER)})">',
        *_start(layout),
        *(line for placed in edges for line in _edge(placed, marked, main, widths.get(placed.edge.id, 0))),
        *(line for placed in layout.states for line in _state(placed, passed, current)),
        "</g>",
        f'<path class="rule" d="M{n(_MARGIN)} {n(body_bottom)}H{n(width - _MARGIN)}"/>',
        f'<g class="legend" transform="translate({n(_MARGIN)} {n(body_bottom + 8)})">',
        *legend_lines,
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _description(graph: FlowGraph, marked: Mapping[str, int], current: str | None) -> str:
    drawn = f"{len(graph.states)} states, {len(graph.edges)} edges."
    sentences = [
        graph.summary,
        f"State diagram of version {graph.version} ({graph.structure}): {drawn}",
    ]
    if marked:
        passed = (
            f"{edge.event} from {edge.source} to {edge.target}"
            + (f" ({marked[edge.id]} times)" if marked[edge.id] > 1 else "")
            for edge in graph.edges
            if edge.id in marked
        )
        sentences.append(f"Travelled: {'; '.join(passed)}.")
    if any(state.value == current for state in graph.states):
        sentences.append(f"Current state: {current}.")
    return " ".join(sentences)


def _header(graph: FlowGraph, width: float) -> list[str]:
    space = width - 2 * _MARGIN
    meta = f"version {graph.version} · {graph.structure}"
    summary = fit(graph.summary, LINE_SIZE, space - text_width(meta, LINE_SIZE) - 30)
    heading = fit(graph.kind, 19, space, bold=True)
    line = " · ".join(filter(None, [summary, meta]))
    return [
        f'<text class="heading" x="{n(_MARGIN)}" y="44">{xml(heading)}</text>',
        f'<text class="meta" x="{n(_MARGIN)}" y="64">{xml(line)}</text>',
    ]


def _start(layout: Layout) -> list[str]:
    x, y = layout.start
    return [
        f'<circle class="start" cx="{n(x)}" cy="{n(y - 24)}" r="6"/>',
        '<g class="main">',
        f'<path class="line" d="M{n(x)} {n(y - 18)}V{n(y - 8)}"/>',
        f'<path class="arrow" d="{arrow((x, y), Heading.DOWN)}"/>',
        "</g>",
    ]


def _edge(placed: PlacedEdge, marked: Mapping[str, int], main: frozenset[str], width: int) -> list[str]:
    edge = placed.edge
    classes = ["edge", *edge.origins]
    classes += ["dashed"] if edge.by_operator_only else []
    classes += ["main"] if edge.id in main else []
    classes += ["travelled"] if edge.id in marked else []
    classes += [f"wide-{width}"] if width else []
    path = "".join(_path(line) for line in placed.lines)
    return [
        f'<g id="{edge.id}" class="{" ".join(classes)}">',
        f"<title>{xml(edge_sentence(edge, marked.get(edge.id, 0)))}</title>",
        f'<path class="line" d="{path}"/><path class="arrow" d="{arrow(placed.tip, placed.heading)}"/>',
        *_label(placed.label),
        "</g>",
    ]


def _label(label: PlacedLabel) -> list[str]:
    text, box = label.text, label.event
    x, baseline = box.x, box.y + EVENT_SIZE
    lines = []
    if label.either is not None:
        either = label.either
        lines.append(f'<text class="guard mid" x="{n(either.middle)}" y="{n(either.y + 10)}">or</text>')
    for origin in text.icons:
        lines.append(_icon(ORIGIN_ICONS[origin], x, baseline - 10.5, origin))
        x += ICON
    lines.append(f'<text class="event" x="{n(x)}" y="{n(baseline)}">{xml(text.event)}</text>')
    if label.guard is not None:
        x, y = label.guard.x, label.guard.y + 11
        lines.append(f'<text class="guard" x="{n(x)}" y="{n(y)}">{xml(text.guard)}</text>')
    if label.pill is not None:
        pill = label.pill
        lines.append(
            f'<g class="pill"><rect x="{n(pill.x)}" y="{n(pill.y)}" width="{n(pill.width)}" '
            f'height="{n(pill.height)}" rx="{n(pill.height / 2)}"/>'
            f"{_icon(EFFECT_ICON, pill.x + 8, pill.y + 5, '')}"
            f'<text class="mid" x="{n(pill.middle + 6)}" y="{n(pill.y + 15)}">{xml(text.pill)}</text></g>'
        )
    return lines


def _state(placed: PlacedState, passed: set[str], current: str | None) -> list[str]:
    state, box = placed.state, placed.box
    classes = ["state", str(state.kind)]
    classes += ["initial"] if state.is_initial else []
    classes += ["goal"] if state.is_goal else []
    classes += ["travelled"] if state.value in passed else []
    classes += ["current"] if state.value == current else []
    texts = state_lines(state)
    # The block of name and lines stands in the middle of the box, however high the rows beside made it.
    y = box.y + (box.height - 17.0 * (len(texts) + 1)) / 2 + 12.5
    first, *rest = texts
    left = box.middle - (text_width(first, LINE_SIZE) + STATE_ICON) / 2
    lines = [
        f'<g id="{state.id}" class="{" ".join(classes)}">',
        f"<title>{xml(state_sentence(state))}</title>",
        *_shape(state.kind, box),
        f'<text class="name mid" x="{n(box.middle)}" y="{n(y)}">{xml(state_name(state))}</text>',
        _icon(KIND_ICONS[state.kind], left, y + 6.5, "kind"),
        f'<text class="small" x="{n(left + STATE_ICON)}" y="{n(y + 17)}">{xml(first)}</text>',
    ]
    for number, line in enumerate(rest, start=2):
        lines.append(
            f'<text class="small mid" x="{n(box.middle)}" y="{n(y + 17 * number)}">{xml(line)}</text>'
        )
    if state.value == current:
        # At the lower edge, off the axis: arrowheads come from above and the next edge leaves in the middle.
        x = box.middle - 30 if state.kind is StateKind.FINAL else box.x + 10
        lines.append(
            f'<g class="badge"><rect x="{n(x)}" y="{n(box.bottom - 9)}" width="60" height="17" rx="8.5"/>'
            f'<text class="mid" x="{n(x + 30)}" y="{n(box.bottom + 3.5)}">current</text></g>'
        )
    return [*lines, "</g>"]


def _shape(kind: StateKind, box: Box) -> list[str]:
    """Draw a rounded box for waiting, double sides for working, a capsule with a double border for final."""
    radius = {StateKind.WAITING: 10.0, StateKind.WORKING: 3.0, StateKind.FINAL: min(box.height / 2, 26.0)}[
        kind
    ]
    outline = _rectangle("shape", box, radius)
    if kind is StateKind.WORKING:
        sides = "".join(f"M{n(x)} {n(box.y)}V{n(box.bottom)}" for x in (box.x + 7, box.right - 7))
        return [outline, f'<path class="inner" d="{sides}"/>']
    if kind is StateKind.FINAL:
        inner = Box(box.x + 4, box.y + 4, box.width - 8, box.height - 8)
        return [outline, _rectangle("inner", inner, radius - 4)]
    return [outline]


def _rectangle(name: str, box: Box, radius: float) -> str:
    return (
        f'<rect class="{name}" x="{n(box.x)}" y="{n(box.y)}" width="{n(box.width)}" '
        f'height="{n(box.height)}" rx="{n(radius)}"/>'
    )


def _icon(path: str, x: float, y: float, name: str) -> str:
    return f'<path class="{f"icon {name}".strip()}" transform="translate({n(x)} {n(y)})" d="{path}"/>'


def _path(points: tuple[Point, ...]) -> str:
    """Return a polyline of right angles with rounded corners."""
    parts = [f"M{n(points[0][0])} {n(points[0][1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        entry, leave = _towards(corner, before), _towards(corner, after)
        parts.append(
            f"L{n(entry[0])} {n(entry[1])}Q{n(corner[0])} {n(corner[1])} {n(leave[0])} {n(leave[1])}"
        )
    parts.append(f"L{n(points[-1][0])} {n(points[-1][1])}")
    return "".join(parts)


def _towards(corner: Point, other: Point) -> Point:
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = abs(dx) + abs(dy)  # one of the two is zero
    step = min(_CORNER, length / 2) / length if length else 0.0
    return corner[0] + dx * step, corner[1] + dy * step
