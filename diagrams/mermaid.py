"""A flow as mermaid text, which GitHub and many editors draw by themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stateful_oauth.diagrams.graph import EXPIRE, Origin, read_graph
from stateful_oauth.diagrams.text import duration, state_lines

if TYPE_CHECKING:
    from stateful_oauth.diagrams.graph import DiagramEdge, DiagramState, Drawable

# Words that mean something to mermaid's parser, in any case.
_RESERVED: Final = frozenset(
    {"accdescr", "acctitle", "as", "choice", "class", "classdef", "click", "default", "direction", "end",
     "fork", "hide", "href", "init", "join", "left", "note", "of", "over", "right", "root", "scale", "state",
     "statediagram", "style"}
)  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,59}", re.ASCII)
_PLAIN: Final = frozenset(" .,_-/[]()!?+*=≤·")
_CLASSES: Final = (
    "classDef waiting fill:#eaf2fd,stroke:#1d5fb4,color:#1c2430",
    "classDef working fill:#fdf3df,stroke:#96610a,color:#1c2430,stroke-width:2px",
    "classDef final fill:#f1f3f6,stroke:#6a7686,color:#1c2430",
    "classDef goal fill:#e6f6ec,stroke:#19763f,color:#1c2430,stroke-width:2px",
)


def render_mermaid(flow: Drawable) -> str:
    """Write a flow, a machine or its definition, as a mermaid `stateDiagram-v2`."""
    graph = read_graph(flow)
    names = _names(graph.states)
    lines = [
        "stateDiagram-v2",
        "    direction TB",
        *(f"    {line}" for line in _CLASSES),
        "",
        *(f'    state "{_described(state)}" as {names[state.value]}' for state in graph.states),
        "",
        *(f"    [*] --> {names[state.value]}" for state in graph.states if state.is_initial),
        *(
            f"    {names[edge.source]} --> {names[edge.target]}: "
            f"{_label(edge, graph.state(edge.source).deadline)}"
            for edge in graph.edges
        ),
        "",
    ]
    for name in ("waiting", "working", "final", "goal"):
        members = [names[state.value] for state in graph.states if _class_of(state) == name]
        if members:
            lines.append(f"    class {','.join(members)} {name}")
    return "\n".join(lines) + "\n"


def _described(state: DiagramState) -> str:
    return "<br/>".join(escaped(text) for text in (state.value, *state_lines(state)))


def _class_of(state: DiagramState) -> str:
    return "goal" if state.is_goal else str(state.kind)


def _label(edge: DiagramEdge, deadline: float | None) -> str:
    text = escaped(edge.event)
    if edge.event == EXPIRE and deadline is not None:
        text += f" after {duration(deadline)}"
    if edge.guards:
        text += f" [{escaped(edge.guard_text)}]"
    if edge.effect is not None:
        text += f" / {escaped(edge.effect.name)}"
    if Origin.OPERATOR in edge.origins:
        # Mermaid cannot style one edge of a state diagram, so a word has to tell them apart.
        text += " (operator)" if edge.by_operator_only else " (or operator)"
    return text


def _names(states: tuple[DiagramState, ...]) -> dict[str, str]:
    """Return a name for each state that mermaid's parser takes as one, mostly the state's own."""
    names: dict[str, str] = {}
    own = {state.value for state in states}
    for state in states:
        name = state.value
        if _NAME.fullmatch(name) is None or name.lower() in _RESERVED:
            name = f"state_{len(names)}"
        while name in names.values() or (name != state.value and name in own):
            name += "_"
        names[state.value] = name
    return names


def escaped(text: str) -> str:
    """Return text in which everything that mermaid could take for syntax is a character code."""
    return "".join(
        c if (c.isascii() and c.isalnum()) or c in _PLAIN else f"#{ord(c)};" for c in " ".join(text.split())
    )
