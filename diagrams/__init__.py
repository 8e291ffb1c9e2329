"""Diagrams of flows, drawn from the machines themselves: SVG, mermaid, and a page of Markdown.

`python -m stateful_oauth.diagrams` writes them, and `--check` tells whether they are fresh.
"""

from .graph import edge_id, state_id
from .markdown import render_markdown
from .mermaid import render_mermaid
from .svg import render_svg

__all__ = ["edge_id", "render_markdown", "render_mermaid", "render_svg", "state_id"]
