"""A flow as mermaid text, which GitHub and many editors draw by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.transaction import StateKind

from .graph import EXPIRE, Origin, read_graph
from .names import duration, identifier
from .state_text import state_lines

if TYPE_CHECKING:
    from .graph import DiagramEdge, DiagramState, Drawable

# Words that mean something to mermaid's parser, in any case.
_RESERVED: Final = frozenset(
    "accdescr acctitle as choice class classdef click default direction end fork hide href init join left "
    "note of over right root scale state statediagram style".split()
)
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
    lines = ["stateDiagram-v2", "    direction TB", *(f"    {line}" for line in _CLASSES), ""]
    for state in graph.states:
        label = "<br/>".join(_escaped(text) for text in (state.value, *state_lines(state)))
        lines.append(f'    state "{label}" as {names[state.value]}')
    lines.append("")
    for state in graph.states:
        if state.is_initial:
            lines.append(f"    [*] --> {names[state.value]}")
    for edge in graph.edges:
        source, target = names[edge.source], names[edge.target]
        deadline = graph.state(edge.source).deadline
        lines.append(f"    {source} --> {target}: {_label(edge, deadline)}")
    for state in graph.states:
        if state.kind is StateKind.FINAL:
            lines.append(f"    {names[state.value]} --> [*]")
    lines.append("")
    for name in ("waiting", "working", "final", "goal"):
        members = [names[state.value] for state in graph.states if _class_of(state) == name]
        if members:
            lines.append(f"    class {','.join(members)} {name}")
    return "\n".join(lines) + "\n"


def _class_of(state: DiagramState) -> str:
    return "goal" if state.is_goal else str(state.kind)


def _label(edge: DiagramEdge, deadline: float | None) -> str:
    text = _escaped(edge.event)
    if edge.event == EXPIRE and deadline is not None:
        text += f" after {duration(deadline)}"
    if edge.guards:
        text += f" [{_escaped(edge.guard_text)}]"
    if edge.effect is not None:
        text += f" / {_escaped(edge.effect.name)}"
    if Origin.OPERATOR in edge.origins:
        # Mermaid cannot style one edge of a state diagram, so a word has to tell them apart.
        text += " (operator)" if edge.by_operator_only else " (or operator)"
    return text


def _names(states: tuple[DiagramState, ...]) -> dict[str, str]:
    """Return a name for each state that mermaid's parser takes as one, mostly the state's own."""
    names: dict[str, str] = {}
    for state in states:
        name = identifier(state.value).replace("-", "_")
        if not name[:1].isalpha() or name.lower() in _RESERVED:
            name = f"state_{name}"
        while name in names.values():
            name += "_"
        names[state.value] = name
    return names


def _escaped(text: str) -> str:
    """Return text in which everything that mermaid could take for syntax is a character code."""
    return "".join(
        c if (c.isascii() and c.isalnum()) or c in _PLAIN else f"#{ord(c)};" for c in " ".join(text.split())
    )
