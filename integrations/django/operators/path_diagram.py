"""The diagram of a transaction's flow, with the path that it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.safestring import mark_safe

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from stateful_oauth.django.operators.timeline import Timeline
    from stateful_oauth.flows.engine.definition import FlowDefinition


def diagram_of(flow: FlowDefinition, timeline: Timeline, state: str) -> SafeString:
    """Draw the flow with the travelled path and the current state marked. The page has the style sheet."""
    from stateful_oauth.diagrams import edge_id, render_svg  # noqa: PLC0415 - python-statemachine is slow

    travelled = [
        edge_id(flow.kind, line.source, line.event, line.target)
        for line in timeline.lines
        if not line.rejected
    ]
    svg = render_svg(flow, travelled=travelled, current=state, embed_style=False)
    return mark_safe(svg)  # noqa: S308 - the renderer escapes, and nothing in it comes from a visitor
