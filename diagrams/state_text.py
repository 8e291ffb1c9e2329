"""What is written in a state's box."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from stateful_oauth.diagrams.names import duration, fit, text_width
from stateful_oauth.flows.engine.effects import LostAnswer
from stateful_oauth.flows.engine.transaction import StateKind

if TYPE_CHECKING:
    from stateful_oauth.diagrams.graph import DiagramState

NAME_SIZE: Final = 14.0
LINE_SIZE: Final = 11.5
STATE_ICON: Final = 18.0
_PADDING: Final = 17.0
_NAME_ROOM: Final = 260.0
_LEAST: Final = 96.0

LOST: Final = {
    LostAnswer.REPEAT: "answer lost: repeat",
    LostAnswer.REREAD: "answer lost: re-read",
    LostAnswer.FAIL: "answer lost: give up",
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
        return kind_line(state), LOST[effect.lost_answer]
    return (kind_line(state),)


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
