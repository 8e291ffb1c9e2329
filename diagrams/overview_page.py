"""A page about all flows, for who wants to know how they hang together before reading one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.diagrams.connections import first_line, read_connections
from stateful_oauth.diagrams.markdown import GENERATED
from stateful_oauth.diagrams.markdown_text import address, code, plain, table
from stateful_oauth.diagrams.mermaid import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stateful_oauth.diagrams.connections import Connections, Flow
    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.machine import FlowMachine

_ABOUT = """\
Each flow is a state machine of its own; none knows the states of another. They are tied together in two
ways:

- A flow can **open** another one, which then goes on in its place: a sign-in that may be somebody who is
  known already ends as `link_pending`, and the account linking that it opened finishes it.
- A flow **records** facts that another one **relies on**: who connected an account is evidence, when that
  account signs in later.
"""


def render_overview_page(
    machines: Iterable[type[FlowMachine]], *, svg: str, page_of: Callable[[str], str]
) -> str:
    """Write the page.

    Args:
        svg: The address of the picture, from where the page stands.
        page_of: Returns the address of a flow's own page.
    """
    connections = read_connections(machines)
    parts = [
        GENERATED,
        "# How the flows hang together",
        f"![The flows, and what one keeps for another](<{address(svg)}>)",
        _ABOUT.rstrip(),
        "## Flows",
        table(
            ("Flow", "", "Opened by", "Ends well as", "Or as"),
            (_flow(flow, page_of(flow.kind)) for flow in connections.flows),
        ),
        "## What one keeps for another",
        table(
            ("DomainEvent", "", "About", "Recorded by", "Relied on by"),
            (_fact(connections, fact) for fact in connections.facts()),
        ),
        "## As mermaid",
        f"```mermaid\n{_mermaid(connections)}```",
    ]
    return "\n\n".join(parts) + "\n"


def _flow(flow: Flow, page: str) -> list[str]:
    good = [code(end.state) for end in flow.ends if end.is_good]
    return [
        f"[{code(flow.kind)}](<{address(page)}>)",
        plain(flow.summary),
        ", ".join(map(code, flow.opened_by)) or "a browser",
        ", ".join(good),
        ", ".join(code(end.state) for end in flow.ends if not end.is_good),
    ]


def _fact(connections: Connections, fact: type[DomainEvent]) -> list[str]:
    return [
        code(fact.__name__),
        plain(first_line(fact)),
        plain(fact.about),
        ", ".join(code(flow.kind) for flow in connections.flows if fact in flow.emits),
        ", ".join(code(flow.kind) for flow in connections.flows if fact in flow.relies_on),
    ]


def _mermaid(connections: Connections) -> str:
    names = {flow.kind: f"flow_{i}" for i, flow in enumerate(connections.flows)}
    kept = {about: f"kept_{i}" for i, about in enumerate(connections.kept)}
    lines = ["flowchart LR"]
    lines += [f'    {name}["{escaped(kind)}"]' for kind, name in names.items()]
    lines += [f'    {name}[("{escaped(about)}")]' for about, name in kept.items()]
    for flow in connections.flows:
        lines += [f"    {names[flow.kind]} -- opens --> {names[kind]}" for kind in flow.opens]
        for about, name in kept.items():
            if recorded := flow.recorded(about):
                lines.append(f'    {names[flow.kind]} -- "{escaped(", ".join(recorded))}" --> {name}')
            if needed := flow.needed(about):
                lines.append(f'    {name} -. "{escaped(", ".join(needed))}" .-> {names[flow.kind]}')
    return "\n".join(lines) + "\n"
