"""A state or an edge in one sentence: tooltips, and what a screen reader reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.diagrams.graph import Origin
from stateful_oauth.diagrams.names import duration
from stateful_oauth.flows.engine.effects import LostAnswer
from stateful_oauth.flows.engine.transaction import StateKind

if TYPE_CHECKING:
    from stateful_oauth.diagrams.graph import DiagramEdge, DiagramState
    from stateful_oauth.flows.engine.effects import Effect

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
