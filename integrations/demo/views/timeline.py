"""A visitor's own attempts, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Q
from django.http import Http404
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from stateful_oauth.demo.middleware import NONCE, VISITOR_COOKIE
from stateful_oauth.demo.running import running_demo_or_none
from stateful_oauth.diagrams import edge_id, render_svg
from stateful_oauth.diagrams.connections import read_connections
from stateful_oauth.django import wiring
from stateful_oauth.django.browser.binding import read_binding
from stateful_oauth.django.declarations import texts_of
from stateful_oauth.django.operators.timeline import log_lines
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    from stateful_oauth.django.operators.timeline import LogLine

SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Attempt:
    """One transaction, as it is shown.

    Attributes:
        lines: Its log; each line with the time since the line before it, in words.
    """

    row: FlowTransaction
    lines: Sequence[tuple[LogLine, str]]

    @property
    def tone(self) -> str:
        """How it ended, or that it has not: a class name."""
        if self.row.state_kind != "final":
            return str(self.row.state_kind)
        return "good" if (self.row.kind, self.row.state) in _good_ends() else "bad"

    @property
    def title(self) -> str:
        """What was tried."""
        return texts_of(self.row.kind).title

    @property
    def opened(self) -> str:
        """The transaction that went on with this one."""
        return str(self.row.result.get("linking", "")) if self.row.kind == "login" else ""

    @property
    def state(self) -> str:
        """The state in words."""
        return self.row.state.replace("_", " ")

    @property
    def refused(self) -> int:
        """How many events were refused."""
        return sum(line.rejected for line, _ in self.lines)

    @property
    def meaning(self) -> str:
        """What the error code means, for developers."""
        return ERROR_CODES[self.row.code].meaning if self.row.code in ERROR_CODES else ""


@cache
def _good_ends() -> frozenset[tuple[str, str]]:
    """Return the final states in which nothing went wrong, each with its flow."""
    flows = read_connections(flow.machine for flow in wiring.flows()).flows
    return frozenset((flow.kind, end.state) for flow in flows for end in flow.ends if end.is_good)


@never_cache
@require_safe
def timeline(request: HttpRequest) -> HttpResponse:
    """List the visitor's attempts, newest first."""
    rows = own_transactions(request).prefetch_related("log").order_by("-created_at")[:SHOWN]
    return render(request, "demo/timeline.html", {"attempts": [shown(row) for row in rows]})


@never_cache
@require_safe
def attempt(request: HttpRequest, transaction_id: uuid.UUID) -> HttpResponse:
    """Show one attempt: its log, and where it went in the diagram of its flow."""
    row = own_transactions(request).filter(pk=transaction_id).first()
    if row is None:
        raise Http404
    found = shown(row)
    context = {
        "attempt": found,
        "child": _one(request, pk=found.opened) if found.opened else None,
        "parent": _one(request, result__linking=str(row.pk)) if row.kind == "account_linking" else None,
        "diagram": _diagram(row, request.META.get(NONCE, "")),
    }
    return render(request, "demo/attempt.html", context)


def own_transactions(request: HttpRequest) -> QuerySet[FlowTransaction]:
    """Return the transactions that this visitor's browser started, and those of the signed-in user."""
    demo, binding = running_demo_or_none(), read_binding(request)
    browsers = demo.browsers_of(request.COOKIES.get(VISITOR_COOKIE, "")) if demo else set()
    if binding is not None:
        browsers |= {*binding.browsers}
    own = Q(browser__in=list(browsers))
    if request.user.is_authenticated:
        own |= Q(user_id=request.user.pk)
    return FlowTransaction.objects.filter(own)


def _one(request: HttpRequest, **which: str) -> Attempt | None:
    row = own_transactions(request).filter(**which).first()
    return shown(row) if row is not None else None


def shown(row: FlowTransaction) -> Attempt:
    """Return an attempt with its log."""
    lines = log_lines(sorted(row.log.all(), key=lambda record: record.sequence))
    return Attempt(row, [(line, "" if line.gap is None else _duration(line.gap)) for line in lines])


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"+{seconds * 1000:.0f} ms"
    return f"+{seconds:.1f} s" if seconds < 60 else f"+{seconds / 60:.0f} min"


def _diagram(row: FlowTransaction, nonce: str) -> SafeString:
    try:
        flow: Any = wiring.flows()[row.kind].machine
    except KeyError:
        return mark_safe("")
    travelled = [
        edge_id(row.kind, line.source, line.event, line.target) for line in row.log.filter(rejected=False)
    ]
    svg = render_svg(flow, travelled=travelled, current=row.state, style_nonce=nonce)
    return mark_safe(svg)  # noqa: S308 - the renderer escapes; nothing in it is the visitor's
