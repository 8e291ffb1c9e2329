"""Text in Markdown, however hostile it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


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


def address(text: str) -> str:
    """Return an address for angle brackets."""
    return "".join(c for c in text if c.isprintable() and c not in "<>\\")
