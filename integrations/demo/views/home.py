"""The first page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views.decorators.http import require_safe

from stateful_oauth.demo.guide import GUIDE
from stateful_oauth.demo.people import PEOPLE
from stateful_oauth.demo.scenarios import GROUPS
from stateful_oauth.django.conf import conf

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what there is to try."""
    context = {
        "people": PEOPLE,
        "guide": GUIDE,
        "issuer": conf.tenant("default").issuer,
        "first": GROUPS[0].scenarios,
    }
    return render(request, "demo/home.html", context)
