"""SVG in small: numbers, text, arrowheads and icons as every picture here writes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from stateful_oauth.diagrams.geometry import Heading
from stateful_oauth.diagrams.graph import Origin
from stateful_oauth.flows.engine.transaction import StateKind

if TYPE_CHECKING:
    from stateful_oauth.diagrams.geometry import Point

SVG: Final = "http://www.w3.org/2000/svg"
_UNWRITABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

# Icons are paths on a grid of 12 by 12, for what colour alone must not say.
_CLOCK: Final = "M6 .8a5.2 5.2 0 1 0 .01 0zM6 3v3l2.2 1.6"
_BOLT: Final = "M6.8 .8L2.4 6.8H5.6L4.8 11.2L9.4 5.2H6.2z"

KIND_ICONS: Final = {
    StateKind.WAITING: _CLOCK,
    StateKind.WORKING: _BOLT,
    StateKind.FINAL: "M6 .8a5.2 5.2 0 1 0 .01 0zM6 4.2a1.8 1.8 0 1 0 .01 0z",
}
EFFECT_ICON: Final = _BOLT
ORIGIN_ICONS: Final = {
    Origin.BROWSER: "M1 2h10v8.4H1zM1 4.6h10",
    Origin.EFFECT: "M4 3L1 6l3 3M1 6h7a3 3 0 0 0 3 -3",
    Origin.SYSTEM: _CLOCK,
    Origin.OPERATOR: "M6 1a2.3 2.3 0 1 0 .01 0zM1.6 11.2a4.4 4 0 0 1 8.8 0z",
}


def n(value: float) -> str:
    """Return a number with one decimal at most: floats must not bring their noise into a committed file."""
    written = f"{value:.1f}".removesuffix(".0")
    return "0" if written == "-0" else written


def xml(raw: str) -> str:
    """Return text as it stands in an element."""
    # XML 1.0 has no way to write control characters and surrogates, not even escaped. str.isprintable is not
    # asked: its answers change with Python.
    return escape(_UNWRITABLE.sub(" ", raw))


def arrow(tip: Point, heading: Heading) -> str:
    """Return the path of an arrowhead."""
    x, y = tip
    if heading is Heading.DOWN:
        return f"M{n(x)} {n(y)}l-5 -9h10z"
    back = 9 if heading is Heading.LEFT else -9
    return f"M{n(x)} {n(y)}l{back} -5v10z"


def open_svg(prefix: str, classes: str, *, title: str, desc: str, size: tuple[float, float]) -> list[str]:
    """Return the first lines of a picture, up to its description."""
    labelled = f'aria-labelledby="{prefix}-title {prefix}-desc"'
    width, height = n(size[0]), n(size[1])
    box = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return [
        f'<svg xmlns="{SVG}" class="{classes}" id="{prefix}" role="img" {labelled} {box}>',
        f'<title id="{prefix}-title">{xml(title)}</title>',
        f'<desc id="{prefix}-desc">{xml(desc)}</desc>',
    ]
