"""The look of the SVG, in light and dark.

Colours are written out for both schemes instead of as CSS variables, which many viewers of SVG files do not
know. Everything that a colour says is also said by a shape, an icon or a word.
"""

from __future__ import annotations

from string import Template
from typing import Final

WIDEST: Final = 8  # how many widths an edge may have

_LIGHT: Final = {
    "paper": "#ffffff", "border": "#d9dee7", "ink": "#1c2430", "muted": "#5b6675",
    "line": "#8793a4", "faint": "#d5dae2",
    "waiting": "#eaf2fd", "waiting_ink": "#1d5fb4", "working": "#fdf3df", "working_ink": "#96610a",
    "final": "#f1f3f6", "final_ink": "#6a7686", "goal": "#e6f6ec", "goal_ink": "#19763f",
    "operator": "#a3306f", "here": "#c2410c", "path": "#0f766e",
}  # fmt: skip
_DARK: Final = {
    "paper": "#10151d", "border": "#2a3342", "ink": "#e7ecf3", "muted": "#9aa7b8",
    "line": "#75839a", "faint": "#333d4c",
    "waiting": "#13253f", "waiting_ink": "#7db4f7", "working": "#332711", "working_ink": "#f0bc5e",
    "final": "#1b222d", "final_ink": "#95a2b4", "goal": "#12301f", "goal_ink": "#6bd398",
    "operator": "#f08cc3", "here": "#fb923c", "path": "#4fd1c2",
}  # fmt: skip

_FONT: Final = (
    'font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",'
    '"Liberation Sans",Arial,sans-serif'
)

_SHAPES: Final = Template(
    """\
.$scope text{$font;font-size:12.5px}
.$scope .heading{font-size:19px;font-weight:650}
.$scope .small,.$scope .meta{font-size:11.5px}
.$scope .name{font-size:14px;font-weight:650}
.$scope .guard{font-size:11px;font-style:italic}
.$scope .pill text{font-size:11px}
.$scope .line{fill:none;stroke-width:2;stroke-linejoin:round}
.$scope .main .line{stroke-width:2.5}
.$scope .dashed .line{stroke-dasharray:6 4}
.$scope .shape,.$scope .inner,.$scope .pill rect{stroke-width:1.5}
.$scope .inner,.$scope .icon{fill:none}
.$scope .icon{stroke-width:1.4;stroke-linecap:round;stroke-linejoin:round}
.$scope .mid{text-anchor:middle}
.$scope.marked .state:not(.travelled):not(.current){opacity:.42}
.$scope.marked .edge:not(.travelled)>:not(.line):not(.arrow){opacity:.5}
.$scope .travelled .line{stroke-width:3.5}
.$scope .travelled .shape{stroke-width:2.5}
.$scope .current .shape{stroke-width:3.5}
.$scope .badge text{font-size:10.5px;font-weight:700}
.$scope .strong{font-weight:650}
.$scope .lifeline>.line{stroke-width:1.5}
"""
)

_COLOURS: Final = Template(
    """\
.$scope .paper{fill:$paper;stroke:$border}
.$scope .rule{stroke:$border}
.$scope text,.$scope .start{fill:$ink}
.$scope .meta,.$scope .small,.$scope .guard{fill:$muted}
.$scope .line,.$scope .icon{stroke:$line}
.$scope .arrow{fill:$line}
.$scope .main .line{stroke:$ink}
.$scope .main .arrow{fill:$ink}
.$scope .dashed .line,.$scope .icon.operator{stroke:$operator}
.$scope .dashed .arrow{fill:$operator}
.$scope .icon.browser{stroke:$waiting_ink}
.$scope .icon.effect{stroke:$working_ink}
.$scope .icon.system{stroke:$final_ink}
.$scope .pill rect{fill:$working;stroke:$working_ink}
.$scope .pill text{fill:$working_ink}
.$scope .pill .icon{stroke:$working_ink}
.$scope .waiting .shape{fill:$waiting;stroke:$waiting_ink}
.$scope .waiting .kind,.$scope .waiting .inner{stroke:$waiting_ink}
.$scope .working .shape{fill:$working;stroke:$working_ink}
.$scope .working .kind,.$scope .working .inner{stroke:$working_ink}
.$scope .final .shape{fill:$final;stroke:$final_ink}
.$scope .final .kind,.$scope .final .inner{stroke:$final_ink}
.$scope .goal .shape{fill:$goal;stroke:$goal_ink}
.$scope .goal .kind,.$scope .goal .inner{stroke:$goal_ink}
.$scope.marked .edge:not(.travelled) .line{stroke:$faint}
.$scope.marked .edge:not(.travelled) .arrow{fill:$faint}
.$scope .edge.travelled .line,.$scope .state.travelled .shape{stroke:$path}
.$scope .edge.travelled .arrow{fill:$path}
.$scope .edge.travelled .event{fill:$path;font-weight:700}
.$scope .state.current .shape{stroke:$here}
.$scope .badge rect{fill:$here}
.$scope .badge text{fill:$paper}
.$scope .card>.shape{fill:$paper;stroke:$line}
.$scope .kept .shape{fill:$final;stroke:$border}
.$scope .emits .line{stroke:$goal_ink}
.$scope .emits .arrow{fill:$goal_ink}
.$scope .needs .line{stroke:$waiting_ink}
.$scope .needs .arrow{fill:$waiting_ink}
"""
)

SCOPE: Final = "flow-diagram"
_WIDTHS: Final = "".join(
    f".{SCOPE} .edge.travelled.wide-{n} .line{{stroke-width:{1.5 * n}}}\n" for n in range(1, WIDEST + 1)
)


def stylesheet(*, with_widths: bool = False) -> str:
    """Return the style sheet; every rule is scoped, because the SVG may stand inside a page.

    Args:
        with_widths: Whether edges have widths of their own.
    """
    light, dark = (_COLOURS.substitute(colours, scope=SCOPE) for colours in (_LIGHT, _DARK))
    shapes = _SHAPES.substitute(scope=SCOPE, font=_FONT)
    widths = _WIDTHS if with_widths else ""
    return f"{shapes}{widths}{light}@media (prefers-color-scheme:dark){{\n{dark}}}\n"


def page_stylesheet() -> str:
    """Return the style sheet for a page that its visitor can turn light or dark, as Django's admin can.

    The root element's `data-theme` says `light` or `dark`; anything else follows the system.
    """
    light, dark = (_COLOURS.substitute(colours, scope=SCOPE) for colours in (_LIGHT, _DARK))
    shapes = _SHAPES.substitute(scope=SCOPE, font=_FONT)
    chosen, by_system = (
        dark.replace(f".{SCOPE}", f":root{theme} .{SCOPE}")
        for theme in ('[data-theme="dark"]', ':not([data-theme="light"])')
    )
    return f"{shapes}{_WIDTHS}{light}{chosen}@media (prefers-color-scheme:dark){{\n{by_system}}}\n"
