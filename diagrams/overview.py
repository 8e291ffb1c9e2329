"""All flows in one picture: a card for each, a bar for everything that one records for another.

Where a flow's line meets a bar, an arrow into the bar is a domain event that the flow emits; an arrow out
of it is one that it relies on. Columns and rows keep everything apart, so nothing has to be searched for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stateful_oauth.diagrams.connections import STEM, Connections, Flow, listed, read_connections
from stateful_oauth.diagrams.drawing import arrow, n, open_svg, xml
from stateful_oauth.diagrams.geometry import Box, Heading
from stateful_oauth.diagrams.graph import identifier
from stateful_oauth.diagrams.style import SCOPE, stylesheet
from stateful_oauth.diagrams.text import fit, text_width, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stateful_oauth.flows.engine.machine import FlowMachine

_MARGIN: Final = 30.0
_TOP: Final = 118.0  # of the cards
_NAMES: Final = 142.0  # width of the column with the names of the bars
_CARD: Final = 206.0
_PADDING: Final = 14.0
_GAP: Final = 20.0
_OPENING: Final = 84.0  # between a flow and one that it opens
_NAME_SIZE: Final = 14.0
_SMALL: Final = 11.5
_LINE: Final = 16.0
_PILL: Final = 24.0
_PILL_ROW: Final = 32.0
_BAR_GAP: Final = 14.0
_LIFELINE: Final = 22.0  # from the card's left edge
_TAP: Final = 20.0


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where everything stands."""

    connections: Connections
    left: dict[str, float]
    summaries: dict[str, list[str]]
    others: dict[str, list[str]]
    pills_top: float
    card_bottom: float
    bars: dict[str, Box]
    width: float
    height: float


def render_overview(machines: Iterable[type[FlowMachine]]) -> str:
    """Draw how the machines are connected, as an SVG that can stand inside a page too."""
    plan = _plan(read_connections(machines))
    flows = plan.connections.flows
    kinds = listed([flow.kind for flow in flows])
    heading = "How the flows are connected"
    about = f"{len(flows)} flows, and what one records for another"
    lines = [
        *open_svg(STEM, SCOPE, title=heading, desc=f"{heading}: {kinds}.", size=(plan.width, plan.height)),
        f"<style>\n{stylesheet()}</style>",
        _rectangle("paper", Box(0.5, 0.5, plan.width - 1, plan.height - 1), 12),
        f'<text class="heading" x="{n(_MARGIN)}" y="44">{heading}</text>',
        f'<text class="meta" x="{n(_MARGIN)}" y="64">{about}</text>',
        *(line for about, box in plan.bars.items() for line in _bar(about, box)),
        *(line for flow in flows for line in _lifeline(plan, flow)),
        *(line for flow in flows for line in _card(plan, flow)),
        *(line for flow in flows for line in _opened(plan, flow)),
        *_legend(plan),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _plan(connections: Connections) -> _Plan:
    left: dict[str, float] = {}
    x = _MARGIN + _NAMES
    for flow, following in zip(connections.flows, [*connections.flows[1:], None], strict=True):
        left[flow.kind] = x
        x += _CARD + (_OPENING if following is not None and following.kind in flow.opens else _GAP)
    width = x - _GAP + _MARGIN
    summaries = {flow.kind: wrapped(flow.summary, _SMALL, _CARD - 2 * _PADDING) for flow in connections.flows}
    others = {flow.kind: _other_ends(flow) for flow in connections.flows}
    pills_top = _TOP + 34 + _LINE * max(map(len, summaries.values())) + 6
    pills = max(sum(end.is_good for end in flow.ends) for flow in connections.flows)
    bottom = pills_top + _PILL_ROW * pills + _LINE * max(map(len, others.values())) + 12
    bars: dict[str, Box] = {}
    y = bottom + 30
    for about in connections.kept:
        taps = max(len(flow.emitted(about)) + len(flow.needed(about)) for flow in connections.flows)
        height = 14 + _TAP * taps
        bars[about] = Box(_MARGIN, y, width - 2 * _MARGIN, height)
        y += height + _BAR_GAP
    return _Plan(connections, left, summaries, others, pills_top, bottom, bars, width, y + 56)


def _other_ends(flow: Flow) -> list[str]:
    names = listed([end.state for end in flow.ends if not end.is_good])
    return wrapped(f"or {names}", _SMALL, _CARD - 2 * _PADDING) if names else []


def _bar(about: str, box: Box) -> Iterator[str]:
    yield f'<g id="{STEM}-kept-{identifier(about)}" class="kept">'
    yield _rectangle("shape", box, 8)
    lines = wrapped(about, 13.8, _NAMES - 2 * _PADDING)  # as wide as bold text of 12.5
    y = box.y + (box.height - _LINE * len(lines)) / 2 + 12
    for position, line in enumerate(lines):
        x = n(box.x + _PADDING)
        yield f'<text class="event strong" x="{x}" y="{n(y + _LINE * position)}">{xml(line)}</text>'
    yield "</g>"


def _lifeline(plan: _Plan, flow: Flow) -> Iterator[str]:
    x = plan.left[flow.kind] + _LIFELINE
    touched = {about: box for about, box in plan.bars.items() if flow.emitted(about) or flow.needed(about)}
    if not touched:
        return
    taps = [tap for about, box in touched.items() for tap in _taps(flow, about, box)]
    yield f'<g id="{STEM}-line-{identifier(flow.kind)}" class="lifeline">'
    yield f'<path class="line" d="M{n(x)} {n(plan.card_bottom)}V{n(taps[-1][1])}"/>'
    for name, y, is_emitted in taps:
        verb = "emits" if is_emitted else "relies on"
        yield f'<g class="{"emits" if is_emitted else "needs"}">'
        yield f"<title>{xml(f'{flow.kind} {verb} {name}')}</title>"
        yield f'<path class="line" d="M{n(x)} {n(y)}h20"/>'
        tip = (x + 28, y) if is_emitted else (x, y)
        yield f'<path class="arrow" d="{arrow(tip, Heading.RIGHT if is_emitted else Heading.LEFT)}"/>'
        shown = fit(name, _SMALL, _CARD - _LIFELINE - 36)
        yield f'<text class="small" x="{n(x + 36)}" y="{n(y + 4)}">{xml(shown)}</text></g>'
    yield "</g>"


def _taps(flow: Flow, about: str, box: Box) -> list[tuple[str, float, bool]]:
    named = [(name, True) for name in flow.emitted(about)] + [(name, False) for name in flow.needed(about)]
    top = box.y + (box.height - _TAP * len(named)) / 2 + _TAP / 2
    return [(name, top + _TAP * i, is_emitted) for i, (name, is_emitted) in enumerate(named)]


def _card(plan: _Plan, flow: Flow) -> Iterator[str]:
    x, middle = plan.left[flow.kind], plan.left[flow.kind] + _CARD / 2
    yield f'<g id="{STEM}-flow-{identifier(flow.kind)}" class="card">'
    yield f"<title>{xml(f'{flow.kind}: {flow.summary}')}</title>"
    if not flow.opened_by:
        yield f'<circle class="start" cx="{n(middle)}" cy="{n(_TOP - 26)}" r="6"/>'
        yield f'<g class="main"><path class="line" d="M{n(middle)} {n(_TOP - 20)}v12"/>'
        yield f'<path class="arrow" d="{arrow((middle, _TOP), Heading.DOWN)}"/></g>'
    yield _rectangle("shape", Box(x, _TOP, _CARD, plan.card_bottom - _TOP), 10)
    name = fit(flow.kind, _NAME_SIZE, _CARD - 2 * _PADDING, bold=True)
    yield f'<text class="name" x="{n(x + _PADDING)}" y="{n(_TOP + 25)}">{xml(name)}</text>'
    yield from _block(plan.summaries[flow.kind], x + _PADDING, _TOP + 44)
    y, width = plan.pills_top, _CARD - 2 * _PADDING
    for end in (end for end in flow.ends if end.is_good):
        yield f'<g class="{"waiting" if end.goes_on else "goal"}">'
        yield _rectangle("shape", Box(x + _PADDING, y, width, _PILL), _PILL / 2)
        state = fit(end.state, 12.5, width - 20)
        yield f'<text class="event mid" x="{n(middle)}" y="{n(y + 16.5)}">{xml(state)}</text></g>'
        y += _PILL_ROW
    yield from _block(plan.others[flow.kind], x + _PADDING, y + 8)
    yield "</g>"


def _block(lines: list[str], x: float, y: float) -> Iterator[str]:
    for position, line in enumerate(lines):
        yield f'<text class="small" x="{n(x)}" y="{n(y + _LINE * position)}">{xml(line)}</text>'


def _opened(plan: _Plan, flow: Flow) -> Iterator[str]:
    """Draw the arrow to a flow that is opened, and the one back where that one finishes the sign-in."""
    order = [each.kind for each in plan.connections.flows]
    for opened in plan.connections.flows:
        beside = order.index(opened.kind) == order.index(flow.kind) + 1
        if opened.kind not in flow.opens or not beside:
            continue
        start, end = plan.left[flow.kind] + _CARD, plan.left[opened.kind]
        good = [each for each in flow.ends if each.is_good]
        row = next((i for i, each in enumerate(good) if each.goes_on), 0)
        yield from _between("opens", start, end, plan.pills_top + _PILL_ROW * row + _PILL / 2, Heading.RIGHT)
        back = next((i for i, each in enumerate(good) if each.signs_in), None)
        if back is not None and any(each.signs_in for each in opened.ends):
            y = plan.pills_top + _PILL_ROW * back + _PILL / 2
            yield from _between("signs in", end, start, y, Heading.LEFT)


def _between(label: str, start: float, end: float, y: float, heading: Heading) -> Iterator[str]:
    yield '<g class="edge main">'
    stop = end - 8 if end > start else end + 8
    yield f'<path class="line" d="M{n(start)} {n(y)}H{n(stop)}"/>'
    yield f'<path class="arrow" d="{arrow((end, y), heading)}"/>'
    middle = (start + end) / 2
    yield f'<text class="event mid" x="{n(middle)}" y="{n(y - 7)}">{xml(label)}</text></g>'


_LEGEND: Final = (
    ('<circle class="start" cx="6" cy="13" r="6"/>', 20.0, "started by a browser"),
    ('<g class="goal"><rect class="shape" y="5" width="28" height="16" rx="8"/></g>', 38.0, "ends well"),
    ('<g class="waiting"><rect class="shape" y="5" width="28" height="16" rx="8"/></g>', 38.0, "goes on"),
    (
        '<g class="emits"><path class="line" d="M0 13h20"/><path class="arrow" d="M28 13l-9 -5v10z"/></g>',
        38.0,
        "emits a domain event",
    ),
    (
        '<g class="needs"><path class="line" d="M8 13h20"/><path class="arrow" d="M0 13l9 -5v10z"/></g>',
        38.0,
        "relies on one",
    ),
)


def _legend(plan: _Plan) -> Iterator[str]:
    y = plan.height - 38
    yield f'<path class="rule" d="M{n(_MARGIN)} {n(y - 14)}H{n(plan.width - _MARGIN)}"/>'
    yield f'<g class="legend" transform="translate({n(_MARGIN)} {n(y - 8)})">'
    x = 0.0
    for drawing, space, words in _LEGEND:
        yield f'<g transform="translate({n(x)} 0)">{drawing}'
        yield f'<text class="small" x="{n(space)}" y="17">{words}</text></g>'
        x += space + text_width(words, _SMALL) + 26
    yield "</g>"


def _rectangle(name: str, box: Box, radius: float) -> str:
    return (
        f'<rect class="{name}" x="{n(box.x)}" y="{n(box.y)}" width="{n(box.width)}" '
        f'height="{n(box.height)}" rx="{n(radius)}"/>'
    )
