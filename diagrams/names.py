"""Names, durations and widths as the diagrams write them."""

from __future__ import annotations

from typing import Final

# Hundredths of an em for U+0020..U+007E. System fonts differ: these are DejaVu Sans, the widest that a
# system font stack falls back to, so that text fits its box in every other.
_WIDTHS: Final = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 53,
    100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79,
    60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50,
    50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61,
    63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
)  # fmt: skip
_BOLD: Final = 1.1
_UNITS: Final = ((86400, "day"), (3600, "h"), (60, "min"))


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return how wide `text` is at most, in the units of `size`."""
    hundredths = sum(_character_width(ord(character)) for character in text)
    return round(hundredths * size * (_BOLD if bold else 1.0) / 100, 1)


def fit(text: str, size: float, room: float, *, bold: bool = False) -> str:
    """Return `text`, or as much of it as fits into `room` with an ellipsis."""
    text = " ".join(text.split())
    if text_width(text, size, bold=bold) <= room:
        return text
    while text and text_width(f"{text}…", size, bold=bold) > room:
        text = text[:-1]
    return f"{text.rstrip()}…"


def wrapped(text: str, size: float, room: float) -> list[str]:
    """Return `text` in lines that fit into `room`; a word that is too long is cut."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(fit(word, size, room))
    return lines


def duration(seconds: float) -> str:
    """Return seconds in the largest unit that divides them: `10 min`, `90 s`."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}"
    return f"{seconds:g} s"


def identifier(name: str) -> str:
    """Return `name` as part of an element id: safe in XML, in a selector and in an address.

    Different names stay different: every character that is replaced becomes its code point.
    """
    return "".join(c if c.isascii() and (c.isalnum() or c == "_") else f"-{ord(c):x}-" for c in name)


def _character_width(code: int) -> int:
    if 0x20 <= code <= 0x7E:
        return _WIDTHS[code - 0x20]
    # East Asian scripts and symbols are an em wide. unicodedata is not asked: its answers change with Python.
    return 100 if code >= 0x1100 else 65
