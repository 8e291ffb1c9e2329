"""A page about a flow, for a reviewer on GitHub."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final

from stateful_oauth.diagrams.graph import EXPIRE, RETRY, Origin, read_graph
from stateful_oauth.diagrams.mermaid import render_mermaid
from stateful_oauth.diagrams.text import ACTORS, duration
from stateful_oauth.flows.engine.effects import LostAnswer
from stateful_oauth.flows.engine.transaction import StateKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stateful_oauth.diagrams.graph import DiagramEdge, DiagramState, Drawable, FlowGraph
    from stateful_oauth.flows.engine.effects import Effect

GENERATED: Final = "<!-- Generated from the machine by `python -m stateful_oauth.diagrams`: do not edit. -->"

_LEGEND: Final = """\
- A **waiting** state waits for the browser or a person. When its deadline is over, `expire` is due.
- In a **working** state an effect may be in flight. When its lease is over, the row is stuck and recovery
  is due.
- A **final** state never changes again, and its secrets are wiped.
- An **effect** is a call that the engine makes after it has committed the transition that names it. The
  picture has it in a pill with its time limit, mermaid behind a slash. A *local* effect touches our own
  database only, inside the transaction that settles the step before it.
- Who sends an event: the **browser**; an **effect**, as its answer; the **system**, which is the engine, its
  sweep or the clock; an **operator**, from the admin. Edges for operators only are dashed.
"""


def render_markdown(flow: Drawable, *, svg: str | None = None) -> str:
    """Write the page of a flow.

    Args:
        flow: A machine, or its definition.
        svg: The URL of the SVG, from where the page stands; `<kind>.svg` beside it by default.
    """
    graph = read_graph(flow)
    picture = svg if svg is not None else f"{graph.kind}.svg"
    parts = [
        GENERATED,
        f"# Flow `{graph.kind}`" if is_code(graph.kind) else f"# Flow {plain(graph.kind)}",
        plain(graph.summary),
        _summary(graph),
        f"![State diagram of the flow {plain(graph.kind)}](<{url(picture)}>)",
        "## How to read it",
        _LEGEND.rstrip(),
        "## Transitions",
        table(
            ("From", "Event", "Guard", "To", "Effect", "Sent by", "Note"),
            (_transition(graph, edge) for edge in graph.edges),
        ),
        "## States",
        table(
            ("State", "Kind", "Time", "In flight", "Leaves by"),
            (_state(graph, state) for state in graph.states),
        ),
        "## Effects",
        _effects(graph),
        "## As mermaid",
        f"```mermaid\n{render_mermaid(flow)}```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(graph: FlowGraph) -> str:
    return (
        f"{code(graph.machine)}, version {graph.version}, structure {code(graph.structure)}: "
        f"{len(graph.states)} states, {len(graph.edges)} edges, {len(graph.effects)} effects."
    )


def _transition(graph: FlowGraph, edge: DiagramEdge) -> list[str]:
    return [
        code(edge.source),
        code(edge.event),
        " and ".join(f"not {code(g[1:])}" if g.startswith("!") else code(g) for g in edge.guards),
        code(edge.target),
        code(edge.effect.name) if edge.effect is not None else "",
        ", ".join(ACTORS[origin] for origin in edge.origins),
        "; ".join(_notes(graph, edge)),
    ]


def _notes(graph: FlowGraph, edge: DiagramEdge) -> Iterable[str]:
    source = graph.state(edge.source)
    if edge.judged:
        yield "what the browser brought back can mean this"
    if Origin.EFFECT in edge.origins and source.effect is not None:
        yield f"answer of {code(source.effect.name)}"
    if edge.event == EXPIRE and source.deadline is not None:
        yield f"due {duration(source.deadline)} after the state was entered"
    if edge.event == RETRY:
        yield "recovery, when the lease is over or the provider asked to wait"
    if edge.actions:
        yield f"runs {', '.join(code(name) for name in edge.actions)}"
    if edge.event == "fail" and source.effect is not None and source.effect.lost_answer is LostAnswer.FAIL:
        yield f"also when the answer is lost: {code(source.effect.lost_code)}"


def _state(graph: FlowGraph, state: DiagramState) -> list[str]:
    leaves = dict.fromkeys(edge.event for edge in graph.edges if edge.source == state.value)
    kind = f"**{state.kind}**" + (", initial" if state.is_initial else "")
    if state.outcome:
        kind += f", {code(state.outcome)}"
    return [
        code(state.value),
        kind,
        _time_of(state),
        code(state.effect.name) if state.effect is not None else "",
        ", ".join(code(event) for event in leaves),
    ]


def _time_of(state: DiagramState) -> str:
    if state.deadline is not None:
        return f"deadline {duration(state.deadline)}"
    if state.effect is not None:
        return "none: settled at once" if state.effect.is_local else f"lease {duration(state.effect.lease)}"
    if state.kind is StateKind.FINAL:
        return ""
    return "none: left at once" if state.is_initial else "none"


def _effects(graph: FlowGraph) -> str:
    if not graph.effects:
        return "This flow has none."
    return table(
        ("Effect", "What it does", "Time limit", "Lease", "When the answer is lost", "Comes back with"),
        (_effect(effect) for effect in graph.effects),
    )


def _effect(effect: Effect) -> list[str]:
    summary = (inspect.getdoc(effect.run) or "").strip().partition("\n")[0]
    return [
        code(effect.name),
        plain(summary),
        "local" if effect.is_local else duration(effect.time_limit),
        "" if effect.is_local else duration(effect.lease),
        _when_lost(effect),
        ", ".join(code(event) for event in effect.produces),
    ]


def _when_lost(effect: Effect) -> str:
    if effect.lost_answer is LostAnswer.REPEAT:
        return f"**repeat**: done again, up to {effect.max_attempts} attempts"
    if effect.lost_answer is LostAnswer.REREAD:
        name = f" by {code(effect.reread.__name__)}" if effect.reread is not None else ""
        return f"**re-read**: what happened is read{name}, up to {effect.max_attempts} attempts"
    if effect.lost_answer is LostAnswer.FAIL:
        return f"**fail**: {code(effect.lost_code)}, and a fresh start is offered"
    return "cannot be: it commits or rolls back with the row"


# Text in Markdown, however hostile it is.


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def is_code(text: str) -> bool:
    """Whether a code span can hold the text."""
    return bool(text.strip()) and "\n" not in text and "\r" not in text and not set(text) & set("`|<>&\\")


def code(text: str) -> str:
    """Return text as code, however hostile: a code span has no escapes, the element does."""
    return f"`{text}`" if is_code(text) else f"<code>{plain(text)}</code>"


def plain(text: str) -> str:
    """Return text without a meaning in Markdown, HTML or a table."""
    special = set("\\`*_{}[]()<>#+!|&~$:\"'") - set("():'\"")
    return "".join(f"&#{ord(c)};" if c in special else c for c in " ".join(text.split()))


def url(text: str) -> str:
    """Return a URL for angle brackets."""
    return "".join(c for c in text if c.isprintable() and c not in "<>\\")
