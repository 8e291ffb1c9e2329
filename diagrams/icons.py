"""Icons as paths on a grid of 12 by 12, for what colour alone must not say."""

from __future__ import annotations

from typing import Final

from stateful_oauth.diagrams.graph import Origin
from stateful_oauth.flows.engine.transaction import StateKind

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
