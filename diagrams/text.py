"""The words of a diagram: how wide they are, and how states and edges are described.

The box of a state holds its name and two short lines. A tooltip and a screen reader get a sentence. Whatever
has to fit is measured here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from stateful_oauth.diagrams.graph import Origin
from stateful_oauth.flows.engine.effects import LostAnswer
from stateful_oauth.flows.engine.transaction import StateKind

if TYPE_CHECKING:
    from stateful_oauth.diagrams.graph import DiagramEdge, DiagramState
    from stateful_oauth.flows.engine.effects import Effect

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


def fit(text: str, size: float, space: float, *, bold: bool = False) -> str:
    """Return `text`, or as much of it as fits into `space` with an ellipsis."""
    text = " ".join(text.split())
    if text_width(text, size, bold=bold) <= space:
        return text
    while text and text_width(f"{text}…", size, bold=bold) > space:
        text = text[:-1]
    return f"{text.rstrip()}…"


def wrapped(text: str, size: float, space: float) -> list[str]:
    """Return `text` in lines that fit into `space`; a word that is too long is cut."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= space:
            lines[-1] = longer
        else:
            lines.append(fit(word, size, space))
    return lines


def duration(seconds: float) -> str:
    """Return seconds in the largest unit that divides them: `10 min`, `90 s`."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}"
    return f"{seconds:g} s"


def _character_width(code: int) -> int:
    if 0x20 <= code <= 0x7E:
        return _WIDTHS[code - 0x20]
    # East Asian scripts and symbols are an em wide. unicodedata is not asked: its answers change with Python.
    return 100 if code >= 0x1100 else 65


# The box of a state.

NAME_SIZE: Final = 14.0
LINE_SIZE: Final = 11.5
STATE_ICON: Final = 18.0
_PADDING: Final = 17.0
_NAME_ROOM: Final = 260.0
_LEAST: Final = 96.0

LOST: Final = {
    LostAnswer.REPEAT: "answer lost: repeat",
    LostAnswer.REREAD: "answer lost: re-read",
    LostAnswer.FAIL: "answer lost: fail",
}


def state_name(state: DiagramState) -> str:
    """Return the name, cut to size."""
    return fit(state.value, NAME_SIZE, _NAME_ROOM, bold=True)


def kind_line(state: DiagramState) -> str:
    """Return the kind, and for how long a transaction may stay."""
    if state.kind is StateKind.WAITING:
        return "waiting" if state.deadline is None else f"waiting · {duration(state.deadline)}"
    if state.kind is StateKind.WORKING:
        effect = state.effect
        # A local effect runs inside the settle transaction: no row is ever left in its state.
        if effect is None or effect.is_local:
            return "working · local"
        return f"working · lease {duration(effect.lease)}"
    return "final"


def state_lines(state: DiagramState) -> tuple[str, ...]:
    """Return the lines under the name."""
    effect = state.effect
    if effect is not None and effect.lost_answer in LOST:
        return kind_line(state), LOST[effect.lost_answer], *state.notes
    return kind_line(state), *state.notes


def state_width(state: DiagramState) -> float:
    """Return the width that name and lines need."""
    first, *rest = state_lines(state)
    widths = [
        text_width(state_name(state), NAME_SIZE, bold=True),
        text_width(first, LINE_SIZE) + STATE_ICON,
        *(text_width(line, LINE_SIZE) for line in rest),
    ]
    # Even, so that the middle is a whole number and lines are drawn crisp.
    return max(_LEAST, 2.0 * math.ceil(max(widths) / 2 + _PADDING))


# One sentence.

ACTORS: Final = {
    Origin.BROWSER: "browser",
    Origin.EFFECT: "effect",
    Origin.SYSTEM: "system",
    Origin.OPERATOR: "operator",
}


def edge_sentence(edge: DiagramEdge, times: int = 0) -> str:
    """Return what an edge is, and how often it was travelled, if it was."""
    guard = f", if {edge.guard_text}" if edge.guards else ""
    effect = f"; effect {edge.effect.name}" if edge.effect is not None else ""
    actors = " or ".join(ACTORS[origin] for origin in edge.origins)
    passed = f"; travelled {times} times" if times > 1 else "; travelled" if times else ""
    return f"{edge.event}: {edge.source} to {edge.target}{guard}{effect}; sent by {actors}{passed}"


def state_sentence(state: DiagramState) -> str:
    """Return what a state is."""
    if state.kind is StateKind.WAITING:
        until = f"; expires after {duration(state.deadline)}" if state.deadline is not None else ""
        return f"{state.value}: waiting{until}"
    if state.kind is StateKind.WORKING and state.effect is not None:
        return f"{state.value}: working; {state.effect.name} may be in flight; {lost_answer(state.effect)}"
    return f"{state.value}: {state.kind}" + (f"; outcome {state.outcome}" if state.outcome else "")


def lost_answer(effect: Effect) -> str:
    """Return what a lost answer of the effect means, in words."""
    tries = f"at most {effect.max_attempts} times"
    if effect.lost_answer is LostAnswer.REPEAT:
        return f"lost answer: done again, {tries}"
    if effect.lost_answer is LostAnswer.REREAD:
        reread = f" with {effect.reread.__name__}" if effect.reread is not None else ""
        return f"lost answer: what happened is read{reread}, {tries}"
    if effect.lost_answer is LostAnswer.FAIL:
        return f"lost answer: given up with {effect.lost_code}"
    return "local: no answer to lose"
