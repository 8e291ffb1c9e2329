"""A page about all flows and how they are connected, to read before the page of one flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.diagrams.connections import first_line, read_connections
from stateful_oauth.diagrams.markdown import GENERATED, code, plain, table, url
from stateful_oauth.diagrams.mermaid import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stateful_oauth.diagrams.connections import Connections, Flow
    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.machine import FlowMachine

_ABOUT = """\
Each flow is a state machine of its own, and knows no state of another. Two things connect them:

- A flow can **open** another one, which continues in its place. For example, a sign-in that may belong to a
  known user ends as `link_pending`, and the account linking that it opened finishes it.
- A flow **emits** domain events that another one **relies on**. For example, the owner of a connected account
  is evidence when that account later signs in.
"""


def render_overview_page(
    machines: Iterable[type[FlowMachine]], *, svg: str, page_of: Callable[[str], str]
) -> str:
    """Write the page.

    Args:
        svg: The URL of the picture, from where the page stands.
        page_of: Returns the URL of a flow's own page.
    """
    connections = read_connections(machines)
    parts = [
        GENERATED,
        "# How the flows are connected",
        f"![The flows, and what one records for another](<{url(svg)}>)",
        _ABOUT.rstrip(),
        "## Flows",
        table(
            ("Flow", "", "Opened by", "Ends well as", "Or as"),
            (_flow(flow, page_of(flow.kind)) for flow in connections.flows),
        ),
        "## What one records for another",
        table(
            ("Domain event", "", "About", "Emitted by", "Relied on by"),
            (_event(connections, event) for event in connections.domain_events()),
        ),
        "## As mermaid",
        f"```mermaid\n{_mermaid(connections)}```",
    ]
    return "\n\n".join(parts) + "\n"


def _flow(flow: Flow, page: str) -> list[str]:
    good = [code(end.state) for end in flow.ends if end.is_good]
    return [
        f"[{code(flow.kind)}](<{url(page)}>)",
        plain(flow.summary),
        ", ".join(map(code, flow.opened_by)) or "a browser",
        ", ".join(good),
        ", ".join(code(end.state) for end in flow.ends if not end.is_good),
    ]


def _event(connections: Connections, event: type[DomainEvent]) -> list[str]:
    return [
        code(event.__name__),
        plain(first_line(event)),
        plain(event.about),
        ", ".join(code(flow.kind) for flow in connections.flows if event in flow.emits),
        ", ".join(code(flow.kind) for flow in connections.flows if event in flow.relies_on),
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
            if emitted := flow.emitted(about):
                lines.append(f'    {names[flow.kind]} -- "{escaped(", ".join(emitted))}" --> {name}')
            if needed := flow.needed(about):
                lines.append(f'    {name} -. "{escaped(", ".join(needed))}" .-> {names[flow.kind]}')
    return "\n".join(lines) + "\n"
