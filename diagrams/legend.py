"""The legend under a diagram."""

from __future__ import annotations

from typing import Final

from .graph import Origin
from .icons import EFFECT_ICON, ORIGIN_ICONS
from .names import text_width

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
_KINDS: Final = (
    (
        '<g class="waiting"><rect class="shape" x="0" y="5" width="28" height="16" rx="5"/></g>',
        "waiting, for the browser or a person",
    ),
    (
        '<g class="working"><rect class="shape" x="0" y="5" width="28" height="16" rx="2"/>'
        '<path class="inner" d="M4 5V21M24 5V21"/></g>',
        "working, a call may be in flight",
    ),
    (
        '<g class="final"><rect class="shape" x="0" y="5" width="28" height="16" rx="8"/>'
        '<rect class="inner" x="3" y="8" width="22" height="10" rx="5"/></g>',
        "final",
    ),
    (
        '<g class="pill"><rect x="0" y="5" width="28" height="16" rx="8"/>'
        f'<path class="icon" transform="translate(8 7)" d="{EFFECT_ICON}"/></g>',
        "effect, with its time limit",
    ),
    (
        '<g class="dashed"><path class="line" d="M0 13H24"/>'
        '<path class="arrow" d="M30 13l-8 -4.5v9z"/></g>',
        "operators only",
    ),
)


def legend(width: float) -> tuple[list[str], float]:
    """Return the legend's elements and its height."""
    events = [
        (f'<path class="icon {origin}" transform="translate(0 7)" d="{ORIGIN_ICONS[origin]}"/>', words)
        for origin, words in ORIGINS.items()
    ]
    lines: list[str] = []
    y = 0.0
    for title, items, symbol in (("", _KINDS, _SYMBOL), ("Event sent by", events, 18.0)):
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
