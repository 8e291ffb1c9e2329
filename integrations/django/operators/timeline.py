"""The log of a transaction, line by line, and the diagram of its flow with the path that it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import router
from django.utils.safestring import mark_safe
from stateful_oauth.django.operators.durations import shown
from stateful_oauth.storage.models import TransitionRecord

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence
    from datetime import datetime

    from django.utils.safestring import SafeString
    from stateful_oauth.flows.engine.definition import FlowDefinition

LINES: Final = 300  # the newest; a transaction has a handful, unless its provider had it wait for days


@dataclass(frozen=True, slots=True)
class Line:
    """One line, as it is shown.

    Attributes:
        since: The time since the line before; empty for the first.
    """

    record: TransitionRecord
    since: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The log, oldest line first.

    Attributes:
        is_whole: Whether these are all lines, and not the newest only.
    """

    lines: Sequence[Line]
    is_whole: bool

    @property
    def end(self) -> datetime | None:
        """When the last line was written."""
        return self.lines[-1].record.at if self.lines else None


def timeline_of(transaction_id: uuid.UUID) -> Timeline:
    """Read the log of a transaction."""
    lines = TransitionRecord.objects.using(router.db_for_write(TransitionRecord))
    newest = lines.filter(transaction_id=transaction_id).order_by("-sequence")[: LINES + 1]
    records = list(newest)[::-1]
    is_whole = len(records) <= LINES
    before = [None, *records]
    read = [
        Line(record, shown(record.at - earlier.at) if earlier is not None else "")
        for earlier, record in zip(before, records, strict=False)
    ]
    return Timeline(read[-LINES:], is_whole)


def diagram_of(flow: FlowDefinition, timeline: Timeline, state: str) -> SafeString:
    """Draw the flow with the travelled path and the current state marked. The page has the style sheet."""
    from stateful_oauth.diagrams import edge_id, render_svg  # noqa: PLC0415 - python-statemachine is slow

    travelled = [
        edge_id(flow.kind, line.record.source, line.record.event, line.record.target)
        for line in timeline.lines
        if not line.record.rejected
    ]
    svg = render_svg(flow, travelled=travelled, current=state, embed_style=False)
    return mark_safe(svg)  # noqa: S308 - the renderer escapes, and nothing in it comes from a visitor
