"""SVG in small: numbers, text and arrowheads as every picture here writes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from stateful_oauth.diagrams.geometry import Heading

if TYPE_CHECKING:
    from stateful_oauth.diagrams.geometry import Point

SVG: Final = "http://www.w3.org/2000/svg"
_UNWRITABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


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
