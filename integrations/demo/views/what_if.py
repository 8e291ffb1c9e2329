"""Makes things go wrong on purpose. For the demo only: no project has such pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from stateful_oauth.demo.running import running_demo
from stateful_oauth.demo.scenarios import GROUPS, SCENARIOS
from stateful_oauth.demo.scenarios.visit import NotStarted, Visit
from stateful_oauth.demo.views.timeline import own_transactions, shown

if TYPE_CHECKING:
    from django.http import HttpRequest

    from stateful_oauth.demo.scenarios import Scenario


@never_cache
@require_safe
def menu(request: HttpRequest) -> HttpResponse:
    """Show the menu."""
    return render(request, "demo/what_if.html", {"groups": GROUPS})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def entry(request: HttpRequest, slug: str) -> HttpResponse:
    """Make an entry happen, or show what it has come to."""
    scenario = SCENARIOS.get(slug)
    if scenario is None:
        raise Http404
    visit = Visit(request, running_demo(), slug)
    return _act(visit, scenario) if request.method == "POST" else _show(visit, scenario)


def _act(visit: Visit, scenario: Scenario) -> HttpResponse:
    form = visit.request.POST
    step = form.get("step", "")
    action = scenario.action(step, form.get("choice", ""))
    if action is None:
        return HttpResponseBadRequest("There is no such thing in the menu.", content_type="text/plain")
    if step and not visit.note.callbacks:
        return redirect("demo:what-if")  # a step of something that was never begun
    # Whatever an earlier visit has broken and not come back for.
    visit.demo.repair()
    try:
        return action(visit)
    except NotStarted as failed:
        return visit.refused(failed.outcome)


def _show(visit: Visit, scenario: Scenario) -> HttpResponse:
    own = own_transactions(visit.request).prefetch_related("log")
    attempts = [shown(row) for row in own.filter(pk__in=visit.note.attempts)]
    # A sign-in may have opened an account linking, after the visitor had pressed the button.
    known = {str(each.row.pk) for each in attempts}
    opened = [each.opened for each in attempts if each.opened and each.opened not in known]
    attempts += [shown(row) for row in own.filter(pk__in=opened)]
    attempts.sort(key=lambda each: each.row.pk)
    kinds = [each.row.kind for each in attempts]
    context = {
        "scenario": scenario,
        "note": visit.note,
        "attempts": attempts,
        "are_tabs": len(kinds) > 1 and len(set(kinds)) == 1,
    }
    return render(visit.request, "demo/what_if_entry.html", context)
