"""Diagrams of flows, drawn from the machines themselves: SVG, mermaid, and a page of Markdown.

`python -m stateful_oauth.diagrams` writes them, and `--check` tells whether they are fresh.
"""

from stateful_oauth.diagrams.graph import edge_id, state_id
from stateful_oauth.diagrams.markdown import render_markdown
from stateful_oauth.diagrams.mermaid import render_mermaid
from stateful_oauth.diagrams.overview import render_overview
from stateful_oauth.diagrams.style import page_stylesheet
from stateful_oauth.diagrams.svg import render_svg
from stateful_oauth.diagrams.traffic import Traffic, render_traffic

__all__ = [
    "Traffic",
    "edge_id",
    "page_stylesheet",
    "render_markdown",
    "render_mermaid",
    "render_overview",
    "render_svg",
    "render_traffic",
    "state_id",
]
