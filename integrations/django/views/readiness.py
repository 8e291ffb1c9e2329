"""Readiness, for a load balancer or an orchestrator. No URL leads here: add one yourself.

`path("internal/ready/", readiness_view)`, where only your infrastructure reaches it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from stateful_oauth.django import doctor
from stateful_oauth.django.pages.flow_pages import outside_of_transactions

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@outside_of_transactions  # Django would open one first, and answer 500 where the database does not
@login_not_required  # a load balancer does not sign in
@require_safe
@never_cache
def readiness_view(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """Answer 200 when this process can serve, else 503; with verdicts and latencies, without messages.

    Calls no provider: a site is not less ready for serving when its provider has a bad minute.
    """
    report = doctor.readiness()
    stages = [
        {"name": stage.name, "verdict": str(stage.verdict), "latency_ms": round(stage.latency, 1)}
        for stage in report.stages
    ]
    return JsonResponse({"ok": report.ok, "stages": stages}, status=200 if report.ok else 503)
