"""The legend under a diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.diagrams.drawing import EFFECT_ICON, ORIGIN_ICONS
from stateful_oauth.diagrams.graph import Origin
from stateful_oauth.diagrams.text import text_width
from stateful_oauth.flows.engine.transaction import StateKind

if TYPE_CHECKING:
    from stateful_oauth.diagrams.graph import FlowGraph

_SIZE: Final = 11.5
_ROW: Final = 26.0
_GAP: Final = 26.0
_SYMBOL: Final = 38.0

ORIGINS: Final = {
    Origin.BROWSER: "the browser",
    Origin.EFFECT: "an effect's answer",
    Origin.SYSTEM: "the engine or the clock",
    Origin.OPERATOR: "an operator",
}
_PILL: Final = '<rect x="0" y="5" width="28" height="16" rx="8"/>'
_PILL_ICON: Final = f'<path class="icon" transform="translate(8 7)" d="{EFFECT_ICON}"/>'
_DASHED: Final = '<path class="line" d="M0 13H24"/><path class="arrow" d="M30 13l-8 -4.5v9z"/>'
_WORKING: Final = '<rect class="shape" x="0" y="5" width="28" height="16" rx="2"/>'
_FINAL: Final = '<rect class="shape" x="0" y="5" width="28" height="16" rx="8"/>'
_SYMBOLS: Final = (
    (
        StateKind.WAITING,
        '<g class="waiting"><rect class="shape" x="0" y="5" width="28" height="16" rx="5"/></g>',
        "waiting, for the browser or a person",
    ),
    (
        StateKind.WORKING,
        f'<g class="working">{_WORKING}<path class="inner" d="M4 5V21M24 5V21"/></g>',
        "working, a call may be in flight",
    ),
    (
        StateKind.FINAL,
        f'<g class="final">{_FINAL}<rect class="inner" x="3" y="8" width="22" height="10" rx="5"/></g>',
        "final",
    ),
    ("effect", f'<g class="pill">{_PILL}{_PILL_ICON}</g>', "effect, with its time limit"),
    ("dashed", f'<g class="dashed">{_DASHED}</g>', "operators only"),
)


def legend(graph: FlowGraph, width: float) -> tuple[list[str], float]:
    """Return the elements and the height of a legend for what the diagram contains."""
    present: set[str] = {state.kind for state in graph.states}
    present |= {"effect"} if graph.effects else set()
    present |= {"dashed"} if any(edge.by_operator_only for edge in graph.edges) else set()
    symbols = [(drawing, words) for name, drawing, words in _SYMBOLS if name in present]
    senders = {origin for edge in graph.edges for origin in edge.origins}
    events = [
        (f'<path class="icon {origin}" transform="translate(0 7)" d="{ORIGIN_ICONS[origin]}"/>', words)
        for origin, words in ORIGINS.items()
        if origin in senders
    ]
    lines: list[str] = []
    y = 0.0
    for title, items, symbol in (("", symbols, _SYMBOL), ("Event sent by", events, 18.0)):
        x = 0.0
        if title:
            lines.append(f'<text class="small" x="0" y="{y + 17:g}">{title}</text>')
            x = text_width(title, _SIZE) + 16
        for drawing, words in items:
            needed = symbol + text_width(words, _SIZE)
            if x and x + needed > width:
                x, y = 0.0, y + _ROW
            lines.append(
                f'<g transform="translate({x:.1f} {y:g})">{drawing}'
                f'<text class="small" x="{symbol:g}" y="17">{words}</text></g>'
            )
            x += needed + _GAP
        y += _ROW
    return lines, y
