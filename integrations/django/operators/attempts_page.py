"""The admin page of all attempts: how a flow was travelled in a span of time, and the funnel."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from stateful_oauth.django import wiring
from stateful_oauth.django.attempts.counting import attempts_report
from stateful_oauth.django.attempts.report import Chosen
from stateful_oauth.django.conf import conf
from stateful_oauth.django.operators import durations
from stateful_oauth.django.operators.read_only import ReadOnlyAdmin
from stateful_oauth.flows.engine.identifiers import earliest_id_at
from stateful_oauth.storage.attempt_figures import hour_of
from stateful_oauth.storage.models import FlowTransaction

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise

    from stateful_oauth.django.attempts.report import AttemptsReport
    from stateful_oauth.flows.engine.definition import FlowDefinition

SPANS: Final[dict[str, tuple[timedelta, _StrPromise]]] = {
    "1h": (timedelta(hours=1), _("the last hour")),
    "24h": (timedelta(hours=24), _("the last 24 hours")),
    "7d": (timedelta(days=7), _("the last 7 days")),
    "30d": (timedelta(days=30), _("the last 30 days")),
}
_DEFAULT_SPAN: Final = "24h"
_PLACES: Final = ("tenant", "connection", "organization")
_NEWEST: Final = 20  # attempts that a click on a number lists
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class AttemptsAdmin(ReadOnlyAdmin):
    """One page in place of a list: nothing here is about a single row."""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the report, as a page, or as JSON or CSV by `format`."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        span = request.GET.get("span", "")
        span = span if span in SPANS else _DEFAULT_SPAN
        now = wiring.clock.now()
        chosen = Chosen(
            begin=now - SPANS[span][0],
            end=now,
            kind=request.GET.get("flow") or "login",
            **{name: request.GET.get(name, "") for name in _PLACES},
        )
        report = attempts_report(chosen)
        if request.GET.get("format") == "json":
            return _download(json.dumps(report.as_json()), "application/json", "json")
        if request.GET.get("format") == "csv":
            return _download(_csv(report), "text/csv; charset=utf-8", "csv")
        request.current_app = self.admin_site.name  # as Django's own pages do
        context = {
            **self.admin_site.each_context(request),
            **_context(request, report, span),
            "title": capfirst(self.opts.verbose_name_plural),
            "opts": self.opts,
            "media": self.media,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/stateful_oauth/attempts.html", context)

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """There are no pages of single hours."""
        del args, kwargs
        return self.changelist_view(request)


def _context(request: HttpRequest, report: AttemptsReport, span: str) -> dict[str, Any]:
    chosen, query = report.chosen, request.GET.copy()
    query.pop("format", None)
    narrowed = {name: query.get(name, "") for name in ("state", "code")}
    flow = _flow(chosen.kind)
    diagram = report.diagram(flow, embed_style=False) if flow is not None else ""
    widest = max((step.count for step in report.funnel), default=0)
    return {
        "report": report,
        "median_text": "" if report.median is None else durations.shown(report.median),
        "span": span,
        "spans": [(name, label) for name, (_length, label) in SPANS.items()],
        "tenants": conf.tenant_aliases if len(conf.tenant_aliases) > 1 else (),
        "funnel": [(step, _bar(step.count, widest), _link(query, state=step.name)) for step in report.funnel],
        "codes": [(line, _link(query, code=line.code)) for line in report.codes],
        "edges": report.edges,
        "parts": [
            (name, label, [(part, _link(query, **{name: part.name})) for part in report.parts[name]])
            for name, label in (
                ("day", _("day")),
                ("tenant", _("tenant")),
                ("connection", _("connection")),
                ("organization", _("organization")),
            )
            if any(part.name for part in report.parts[name])
        ],
        "filters": [
            (name, value, _link(query, **{name: ""})) for name in _PLACES if (value := getattr(chosen, name))
        ],
        "attempts": _newest(chosen, **narrowed) if any(narrowed.values()) else None,
        "narrowed": " ".join(value for value in narrowed.values() if value),
        "downloads": [(name, _link(query, format=name)) for name in ("json", "csv")],
        "diagram": mark_safe(diagram),  # noqa: S308 - the renderer escapes
    }


def _newest(chosen: Chosen, *, state: str, code: str) -> list[tuple[FlowTransaction, str]]:
    """Return the newest attempts with a state or code. Their keys bound the statement."""
    rows = FlowTransaction.objects.filter(
        pk__gte=earliest_id_at(hour_of(chosen.begin)), kind=chosen.kind
    ).only("pk", "kind", "state", "code", "tenant", "created_at")
    if state and state not in ("started", "came_back"):
        rows = rows.filter(state=state)
    if code:
        rows = rows.filter(code=code)
    if chosen.tenant:
        rows = rows.filter(tenant=chosen.tenant)
    page = "admin:stateful_oauth_flowtransaction_change"
    return [(row, reverse(page, args=[row.pk])) for row in rows.order_by("-pk")[:_NEWEST]]


def _flow(kind: str) -> FlowDefinition | None:
    return next((flow for flow in wiring.flows() if flow.kind == kind), None)


def _link(query: Any, **changes: str) -> str:
    fields = {name: value for name, value in {**query.dict(), **changes}.items() if value}
    if not {"state", "code"} & changes.keys():
        fields = {name: value for name, value in fields.items() if name not in ("state", "code")}
    elif "state" in changes:
        fields.pop("code", None)
    else:
        fields.pop("state", None)
    return "?" + urlencode(fields)


def _bar(count: int, widest: int) -> int:
    """Return the width of a bar in percent. It is an attribute of SVG, because CSP refuses styles."""
    return round(100 * count / widest) if widest else 0


def _csv(report: AttemptsReport) -> str:
    response = HttpResponse()
    writer = csv.writer(response)
    writer.writerow(["part", "name", "event", "target", "code", "count", "before"])
    for step in report.funnel:
        writer.writerow(["funnel", _cell(step.name), "", "", "", step.count, step.before])
    for line in report.codes:
        writer.writerow(["code", "", "", "", _cell(line.code), line.count, line.before])
    for edge in report.edges:
        writer.writerow(
            ["edge", _cell(edge.source), _cell(edge.event), _cell(edge.target), "", edge.count, edge.before]
        )
    for name, parts in report.parts.items():
        for part in parts:
            writer.writerow([name, _cell(part.name), "", "", "", part.started, ""])
    return response.content.decode()


def _cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: visitors can choose names of connections."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _download(text: str, content_type: str, ending: str) -> HttpResponse:
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M}"
    return HttpResponse(
        text,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="attempts-{stamp}.{ending}"',
            "Cache-Control": "private, no-store",
        },
    )
