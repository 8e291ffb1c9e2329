"""The pages that all flows share: an error, a step in progress, and a place to start again."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET, require_safe

from stateful_oauth.django.actions.callers import BrowserCaller
from stateful_oauth.django.actions.completing import followed
from stateful_oauth.django.browser.binding import watch_binding
from stateful_oauth.django.browser.next_url import destination, requested_next
from stateful_oauth.django.conf import conf
from stateful_oauth.django.pages.flow_pages import SeeOther, error_page, flow_view, sign_in_page
from stateful_oauth.django.pages.progress import progress_of
from stateful_oauth.django.pages.responses import goes_on, respond, to_error_page
from stateful_oauth.flows.engine.errors import FenceLost
from stateful_oauth.flows.engine.outcomes import InProgress
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.storage.store import last_detail, started_by

if TYPE_CHECKING:
    from stateful_oauth.storage.models import FlowTransaction


@flow_view
@require_safe
def error(request: HttpRequest, code: str) -> HttpResponse:
    """Show what an error code means, and offer to start again with the same `next`."""
    if code not in ERROR_CODES:
        raise Http404
    row = _own_transaction(request)
    if row is not None and row.code == code and goes_on(request, row.kind, code):
        return SeeOther(destination(row.inputs.get("next", "")))
    page = error_page(
        request,
        code,
        kind=row.kind if row else request.GET.get("kind", ""),
        inputs=row.inputs if row else {"next": requested_next(request)},
        reference=row.pk if row else None,
        tenant=row.tenant if row else request.GET.get("tenant", ""),
        description=last_detail(row) if row and conf.show_untrusted_error_description else "",
    )
    # Or Django would log each 5xx as an error, and mail it to ADMINS, although any browser can open this URL.
    page._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 - as `django.utils.log` does
    return page


@flow_view
@require_GET  # not HEAD, which must not move anything
def progress(request: HttpRequest, transaction_id: uuid.UUID) -> HttpResponse:
    """Follow a transaction that another request is working on, until there is an outcome."""
    outcome = followed(request, transaction_id)
    # A lost fence means that the row moved between two looks at it.
    if not isinstance(outcome, InProgress) and outcome.code != FenceLost.CODE:
        return respond(outcome, request)
    if outcome.transaction_id not in (None, transaction_id):
        # Another transaction goes on with it, and is brought on by a page of its own.
        return respond(outcome, request)
    row = started_by(BrowserCaller(request).browsers, transaction_id)
    if row is None:
        return to_error_page(outcome, "transaction_unknown")
    watch_binding(request, bytes(row.browser or b""))
    shown = progress_of(row)
    page = TemplateResponse(
        request, "stateful_oauth/progress.html", {"outcome": outcome, "progress": shown}, status=202
    )
    page.headers["Refresh"] = str(shown.look_again)
    return page.render()


@flow_view
@require_safe
def restart(request: HttpRequest) -> HttpResponse:
    """Offer to sign in. The application's login URI in Auth0, for visitors that Auth0 lost."""
    return sign_in_page(
        request,
        "stateful_oauth/restart.html",
        {"next_url": requested_next(request)},
        tenant=request.GET.get("tenant", ""),
    )


def _own_transaction(request: HttpRequest) -> FlowTransaction | None:
    """Return the transaction that the URL names, if this browser started it."""
    browsers = BrowserCaller(request).browsers
    try:
        transaction_id = uuid.UUID(request.GET.get("transaction", ""))
    except ValueError:
        return None
    return started_by(browsers, transaction_id) if browsers else None
